"""A process from its start to its end: what it waits for, what it finishes, and that it ends in time."""

import socket
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from app.server import finish_within

from .conftest import ENCRYPTION_KEY, JWT_SECRET
from .serving import serving

VARIABLES = {
    "ENVIRONMENT": "dev",
    "DATABASE_URL": "postgresql://api:8f3kd93kfm2@127.0.0.1:1/nuggetwise",
    "REDIS_URL": "redis://:9dk3mf82kx1@127.0.0.1:1",
    "JWT_SECRET": JWT_SECRET,
    "ENCRYPTION_KEY": ENCRYPTION_KEY,
    "DRAIN_SECONDS": "1",
}


def in_background(ask: Callable[[], httpx.Response]) -> Callable[[], httpx.Response]:
    """Starts to ask, and returns what waits for the answer."""
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    time.sleep(0.3)

    def answer() -> httpx.Response:
        thread.join(timeout=40)
        assert answers, "the connection ended without an answer"
        return answers[0]

    return answer


def test_without_database_and_cache_it_lives_is_not_ready_and_says_so_once():
    with serving(VARIABLES) as process:
        time.sleep(2)  # several attempts
        assert httpx.get(f"{process.url}/api/health/live").status_code == 200
        ready = httpx.get(f"{process.url}/api/health/ready")
        assert ready.status_code == 503
        assert ready.json()["detail"] == "Not seen yet: database, cache."
        assert 'lifecycle_state{state="starting"} 1.0' in httpx.get(f"{process.url}/api/metrics").text
        lines = process.end(within=20)
    told = [line for line in lines if line["message"] == "not ready yet"]
    assert [line["missing"] for line in told] == [["database", "cache"]]


def test_a_request_in_flight_is_finished_and_a_new_one_still_answered_while_draining():
    with serving(VARIABLES) as process:
        in_flight = in_background(lambda: httpx.get(f"{process.url}/slow/2"))
        process.popen.terminate()
        time.sleep(0.3)
        late = httpx.get(f"{process.url}/api/health/live")
        assert (late.status_code, late.headers["connection"]) == (200, "close")
        assert httpx.get(f"{process.url}/api/health/ready").json()["detail"] == "This process is about to end."
        answer = in_flight()
        assert (answer.status_code, answer.json()) == (200, "done")
        process.popen.wait(timeout=10)
        assert process.popen.returncode == 0


def test_idle_connections_do_not_delay_the_end():
    with serving(VARIABLES) as process:
        idle = [socket.create_connection(("127.0.0.1", process.port)) for _ in range(3)]
        # One that never sent anything, one kept alive after an answer, one stopped in a header.
        idle[1].sendall(b"GET /api/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in idle[1].recv(4096)
        idle[2].sendall(b"GET /api/health/live HTTP/1.1\r\nHos")
        started = time.monotonic()
        process.end(within=10)
        assert time.monotonic() - started < 5
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("drain_seconds", [0, 3, 20])
def test_requests_get_the_time_that_draining_and_closing_leave_of_30_s(drain_seconds: float):
    assert 5 <= finish_within(drain_seconds) <= 25 - drain_seconds
