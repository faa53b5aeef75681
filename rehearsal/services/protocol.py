"""How the stand-ins are asked: AWS's JSON 1.1 protocol, whose POST names the operation in a header, and plain GET.

https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Operation = Callable[[Body], Body]
Page = Callable[[str], Body | None]


class Refused(Exception):
    """The service says no. `code` is AWS's own name of the error, which boto3 shows."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Server:
    """Answers on a loopback port until it is closed.

    `operations` go by the header `X-Amz-Target`; `page` gets the path of a GET, and None from it is a 404.
    """

    def __init__(self, operations: Mapping[str, Operation], page: Page) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                self._say(*_answer(operations, self.headers.get("X-Amz-Target", ""), body))

            def do_GET(self) -> None:
                found = page(self.path)
                self._say(404 if found is None else 200, found or {})

            def _say(self, status: int, answer: Body) -> None:
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing: a rollout is asked about every second."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """What `AWS_ENDPOINT_URL_ECS` and `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS` are set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answer(operations: Mapping[str, Operation], target: str, body: Body) -> tuple[int, Body]:
    operation = operations.get(target)
    if operation is None:
        return 400, {"__type": "UnknownOperationException", "message": f"the rehearsal does not answer {target}"}
    try:
        return 200, operation(body)
    except Refused as error:
        return 400, {"__type": error.code, "message": str(error)}
    except Exception:
        # A defect of the stand-in. Not a 500, which boto3 would repeat four times before it showed it.
        traceback.print_exc(file=sys.stderr)
        return 400, {"__type": "ServerException", "message": traceback.format_exc()}
