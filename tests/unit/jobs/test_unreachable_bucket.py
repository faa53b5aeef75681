"""A store that does not answer."""

import http.server
import threading
from collections.abc import Generator
from dataclasses import replace

import pytest

from jobs.errors import JobError
from jobs.store import Store

from .conftest import BUCKET


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-told")


@pytest.fixture
def flaky() -> Generator[tuple[str, list[str]]]:
    """A store whose first two answers are cut off."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if len(asked) < 3:
                self.connection.close()
                return
            self.send_response(200)
            body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_it_is_named_and_no_secret_is(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.connect(replace(BUCKET, endpoint="http://127.0.0.1:9"))
    with pytest.raises(JobError, match=r"the bucket backups at http://127\.0\.0\.1:9 could not be reached") as told:
        store.sizes()
    assert "not-to-be-told" not in str(told.value)


def test_one_that_comes_back_soon_is_asked_again(flaky: tuple[str, list[str]]) -> None:
    url, asked = flaky
    assert Store.connect(replace(BUCKET, endpoint=url)).sizes() == {}
    assert len(asked) == 3
