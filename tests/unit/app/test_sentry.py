"""Sentry: what reaches it over HTTP from a real process, and that no secret does, wherever it stood."""

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from .serving import ROOT, serving
from .test_life import VARIABLES

CANARIES = {
    "JWT_SECRET": "canary-jwt-0b6f3d8e1c5a4f7092d3e6b8a1c4f7d0",
    "DATABASE_URL": "postgresql://api:canary-database@127.0.0.1:1/nuggetwise",
    "REDIS_URL": "redis://:canary-redis@127.0.0.1:1",
    "STRIPE_SECRET_KEY": "sk_live_canarystripe",
    "STRIPE_WEBHOOK_SECRET": "whsec_canarywebhook",
    "V0_API_KEY": "v1:canaryv0:abcdefgh",
}
# What a caller sends, each where it belongs; the body is also quoted by the route's messages, logs and locals.
BODY = json.dumps(
    {"email": "canary@example.com", "v0_api_key": "v1:canary-own:abcdefgh", "password": "canary-password"}
)
HEADERS = {
    "Authorization": "Bearer canary-token",
    "Cookie": "session=canary-cookie",
    "X-Api-Key": "canary-header",
    "X-Forwarded-For": "203.0.113.77",
    "sentry-trace": "771a43a4192642f0b136d5159a501700-1234567890abcdef-0",
    "baggage": "sentry-environment=canary-baggage,sentry-public_key=canary-baggage",
}


class Sink(ThreadingHTTPServer):
    """Stands in for Sentry: keeps every envelope that it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.hangs = False

    @property
    def dsn(self) -> str:
        return f"http://publickey@127.0.0.1:{self.server_port}/1"

    @property
    def text(self) -> str:
        return b"\n".join(self.bodies).decode()

    def items(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of all items of a kind, `event` or `transaction`."""
        found: list[dict[str, Any]] = []
        for body in self.bodies:
            lines = body.split(b"\n")
            for header, payload in zip(lines[1::2], lines[2::2], strict=False):
                if json.loads(header)["type"] == kind:
                    found.append(json.loads(payload))
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Sink  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        if self.server.hangs:
            time.sleep(30)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def sink() -> Generator[Sink]:
    server = Sink()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def test_an_unhandled_error_and_its_trace_arrive_without_any_secret(sink: Sink):
    variables = {**VARIABLES, **CANARIES, "SENTRY_DSN": sink.dsn, "APP_VERSION": "9.9.9+abc", "ENVIRONMENT": "dev"}
    with serving(variables) as process:
        answer = httpx.post(f"{process.url}/broken/plain?token=canary-query", content=BODY, headers=HEADERS)
        assert answer.status_code == 500
        assert httpx.get(f"{process.url}/canary-unmatched", headers=HEADERS).status_code == 404
        # Sent in the background: ending the process at once must not lose it.
        log = json.dumps(process.end(within=20))

    (event,) = sink.items("event")
    assert (event["release"], event["environment"]) == ("9.9.9+abc", "dev")
    assert [value["type"] for value in event["exception"]["values"]] == ["ValueError", "RuntimeError"]
    assert event["transaction"] == "/broken/{text}"
    assert event["tags"]["request_id"] == answer.headers["x-request-id"]
    assert "about to fail" in json.dumps(event["breadcrumbs"])
    traced = sorted(item["transaction"] for item in sink.items("transaction"))
    # Neither the probes nor the caller's "do not sample" decide.
    assert traced == ["/broken/{text}", "unmatched"]

    assert "203.0.113.77" not in sink.text
    for text in (sink.text, log):
        found = text.find("canary")
        assert found == -1, text[max(0, found - 200) : found + 100]


def test_the_sample_rate_is_a_setting_and_health_is_never_traced(sink: Sink):
    with serving({**VARIABLES, "SENTRY_DSN": sink.dsn, "SENTRY_TRACES_SAMPLE_RATE": "0"}) as process:
        httpx.get(f"{process.url}/slow/0")
        httpx.post(f"{process.url}/broken/x", content="y")
        process.end(within=20)
    assert len(sink.items("event")) == 1
    assert sink.items("transaction") == []


def test_a_sentry_that_hangs_does_not_keep_the_process_from_ending(sink: Sink):
    sink.hangs = True
    with serving({**VARIABLES, "SENTRY_DSN": sink.dsn}) as process:
        for _ in range(5):
            httpx.post(f"{process.url}/broken/x", content="y")
        started = time.monotonic()
        process.end(within=20)
        assert time.monotonic() - started < 8, "draining takes 1 s, the last events 2 s at most"


def test_without_a_dsn_the_sdk_is_not_even_imported():
    code = (
        "import sys; from app.settings import load_settings; from app.sentry import start_sentry\n"
        "start_sentry(load_settings()); import app.main; sys.exit('sentry_sdk' in sys.modules)"
    )
    environment = {**VARIABLES, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
