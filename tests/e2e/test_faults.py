"""The cache or the database killed under load, and back: errors only while it is gone, no acknowledged write lost."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from docker.models.containers import Container

from .conftest import Person, Stack, eventually

NewPerson = Callable[[], Person]
THREADS = 4


@dataclass(frozen=True)
class Answer:
    """One request: when it was sent and answered (monotonic seconds); status 0 when the connection broke."""

    sent: float
    answered: float
    status: int
    retry_after: str | None


@dataclass
class Load:
    """Constant load, half of it writes."""

    url: str
    person: Person
    answers: list[Answer] = field(default_factory=list[Answer])
    written: set[str] = field(default_factory=set[str])
    """Installations that the API said it made."""
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx.Client(base_url=self.url, headers=self.person.headers, timeout=30) as client:
            while not self.over.is_set():
                self._ask(client, "POST", json={"mcp_config": {"servers": {}}})
                self._ask(client, "GET")
                time.sleep(0.02)

    def _ask(self, client: httpx.Client, method: str, **arguments: object) -> None:
        sent = time.monotonic()
        try:
            answer = client.request(method, "/api/installations", **arguments)  # pyright: ignore[reportArgumentType]
        except httpx.TransportError:
            self.answers.append(Answer(sent, time.monotonic(), 0, None))
            return
        if answer.status_code == 201:
            self.written.add(answer.json()["id"])
        self.answers.append(Answer(sent, time.monotonic(), answer.status_code, answer.headers.get("retry-after")))

    def failed(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status not in (200, 201)]


@contextmanager
def load(stack: Stack, person: Person) -> Generator[Load]:
    running = Load(stack.url, person)
    threads = [threading.Thread(target=running.run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(2)
        yield running
        time.sleep(2)
    finally:
        running.over.set()
        for thread in threads:
            thread.join()


def kill(container: Container, seconds: float) -> None:
    """Ends a container at once, and starts it again so much later."""
    container.kill()
    time.sleep(seconds)
    container.start()


def starts(stack: Stack) -> list[str]:
    return sorted(replica.attrs["State"]["StartedAt"] for replica in stack.containers("api"))


def test_a_database_that_is_killed_and_comes_back_costs_errors_only_while_it_is_gone(
    stack: Stack, client: httpx.Client, new_person: NewPerson
) -> None:
    person = new_person()
    before = starts(stack)
    with load(stack, person) as running:
        killed = time.monotonic()
        kill(stack.containers("database")[0], 4)
        eventually(lambda: answers_sql(stack), 60, "the database")
        back = time.monotonic()
        # A replica tries again every four seconds at most (app/database.py).
        time.sleep(2)
        eventually(lambda: lately(running) == {200, 201}, 15, "every replica has a connection again")
        settled = time.monotonic()

    assert settled - back < 12
    failed = running.failed()
    assert failed, "nobody asked while the database was gone"
    assert {answer.status for answer in failed} == {503}
    assert all(answer.retry_after for answer in failed)
    assert not [answer for answer in failed if answer.answered < killed or answer.sent > settled]
    assert max(answer.answered - answer.sent for answer in failed) < 10
    assert starts(stack) == before, "no replica was restarted"
    # More may be there: what was committed when its answer got lost.
    assert running.written <= stored(client, person)
    assert len(running.written) > 20


def test_a_cache_that_is_killed_and_comes_back_costs_no_error_at_all(
    stack: Stack, client: httpx.Client, new_person: NewPerson
) -> None:
    person, leaver = new_person(), new_person()
    before = starts(stack)
    cache = stack.containers("cache")[0]
    eventually(lambda: all_ready(stack), 10, "every replica has seen all that it needs")
    with load(stack, person) as running:
        cache.kill()
        assert client.get("/api/health").status_code == 503
        assert all_ready(stack), "replicas stay in service"
        assert client.post("/api/auth/logout", headers=leaver.headers).status_code == 204
        assert client.get("/api/users/me", headers=leaver.headers).status_code == 401
        time.sleep(3)
        cache.start()
        eventually(lambda: client.get("/api/health").status_code == 200, 15, "healthy again without a restart")
        assert client.get("/api/users/me", headers=leaver.headers).status_code == 401, "who logged out stays out"

    assert not running.failed()
    assert max(answer.answered - answer.sent for answer in running.answers) < 3
    assert starts(stack) == before, "no replica was restarted"
    assert running.written == stored(client, person)


def all_ready(stack: Stack) -> bool:
    return all(replica.exec_run(["probe", "/api/health/ready"]).exit_code == 0 for replica in stack.containers("api"))


def answers_sql(stack: Stack) -> bool:
    try:
        return stack.sql("SELECT 1") == "1"
    except AssertionError:
        return False


def lately(running: Load) -> set[int]:
    """The statuses of two seconds, in which each replica had many requests."""
    since = time.monotonic() - 2
    return {answer.status for answer in running.answers if answer.sent > since}


def stored(client: httpx.Client, person: Person) -> set[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        params = {"limit": "100", **({"cursor": cursor} if cursor else {})}
        page = client.get("/api/installations", params=params, headers=person.headers).json()
        found |= {item["id"] for item in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return found
