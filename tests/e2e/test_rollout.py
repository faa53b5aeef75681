"""What an update does to those who use the stack meanwhile: a good one nothing, and a bad one nothing either."""

import json
import socket
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection

import httpx
import pytest
from docker.models.containers import Container

from bench.load import Load, Request, under
from infra.load_balancer.balancer import Balancer

from .conftest import Done, Person, Stack, changed, eventually

NewPerson = Callable[[], Person]

RATE = 30.0  # requests per second, half of them writes; the bench sends more (these tests share the machine)

CRASHES = 'raise RuntimeError("this version cannot start")'
IS_NEVER_READY = """
async def missing(*_):
    return ["something that never comes"]
"""
CRASHES_WHEN_USED = """
import os

async def create(*_):
    os.write(2, b"this version cannot work\\n")
    os._exit(3)
"""
LEAKS = """
_see_everything = see_everything

async def see_everything(here):
    await _see_everything(here)
    logger.warning("this version takes all there is")
    hoard = []
    while True:
        hoard.append(bytearray(b"x") * (32 << 20))
        await asyncio.sleep(0.02)
"""


# Prints each request that it gets, and answers it, or hangs up.
SERVER = """
import socket, sys
with socket.create_server(("", 3000)) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            text = b""
            while b"\\r\\n\\r\\n" not in text and (part := connection.recv(4096)):
                text += part
            if not text:
                continue  # somebody who connected and left
            print(text.split()[0].decode(), flush=True)
            if sys.argv[1] == "answer":
                connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
"""


@pytest.fixture
def person(new_person: NewPerson) -> Person:
    return new_person()


@contextmanager
def users(stack: Stack, person: Person, rate: float = RATE) -> Generator[Load]:
    """Constant load of people who write and read."""
    json_body = ("Content-Type: application/json", f"Authorization: Bearer {person.token}")

    def request(number: int) -> Request:
        if number % 2:
            return Request("GET", "/api/installations", headers=json_body)
        row = {"feature": "load", "metadata": {"number": number}}
        return Request("POST", "/api/usage", json.dumps(row).encode(), json_body)

    with under(stack.url, rate, request) as load:
        time.sleep(1)
        yield load
        time.sleep(1)


def rows(stack: Stack, person: Person) -> tuple[int, int]:
    """How many rows of usage a person has, and how many different ones."""
    counted = stack.sql(
        f"SELECT count(*), count(DISTINCT metadata->>'number') FROM usage WHERE user_id = '{person.id}'"
    )
    all_rows, different = counted.split("|")
    return int(all_rows), int(different)


def replicas(stack: Stack) -> set[str]:
    return {str(container.id) for container in stack.containers("api")}


def version(client: httpx.Client) -> str:
    return client.get("/api/health").json()["version"]


def test_a_code_change_fails_no_request_and_sends_none_twice(
    stack: Stack, client: httpx.Client, person: Person, new_person: NewPerson
) -> None:
    """Nor one whose body takes longer to arrive than its replica lives, nor one on a connection kept throughout."""
    before, old, slow_person = replicas(stack), version(client), new_person()
    kept = HTTPConnection("127.0.0.1", stack.port, timeout=30)
    kept.connect()
    kept.auto_open = 0  # closed, it would not be opened again
    assert asked(kept, person) == 200
    with users(stack, person) as load, stack.changed_code(), slow_upload(stack, slow_person) as finish:
        done = stack.up()
        assert done.code == 0, done.text
        assert not replicas(stack) & before
        assert finish() == b"HTTP/1.1 201 "
    assert asked(kept, person) == 200
    kept.close()
    assert not load.report.failures, str(load.report)
    sent = sum(answer.request.method == "POST" for answer in load.report.answers)
    assert rows(stack, person) == (sent, sent)
    assert rows(stack, slow_person)[0] == 1
    assert len(replicas(stack)) == 3
    assert version(client) != old


@contextmanager
def upstream(stack: Stack, *command: str) -> Generator[Container]:
    """A container that the alias `stub` leads to as well."""
    replica = stack.containers("api")[0]
    (network,) = replica.attrs["NetworkSettings"]["Networks"]
    made = stack.engine.containers.run(
        replica.attrs["Image"],
        list(command),
        detach=True,
        labels=stack.labels("stub"),
        network=network,
        networking_config={network: stack.engine.api.create_endpoint_config(aliases=["stub"])},
    )
    try:
        yield made
    finally:
        made.remove(force=True)


def test_nginx_sends_again_what_cannot_have_arrived_and_never_a_post_that_may_have(
    stack: Stack, client: httpx.Client
) -> None:
    balancer = Balancer(stack.containers("load-balancer")[0])
    before, count = balancer.route(), 30
    with (
        upstream(stack, "python", "-c", SERVER, "answer") as good,
        upstream(stack, "python", "-c", SERVER, "hang up") as bad,
        upstream(stack, "sleep", "600"),
    ):
        try:
            balancer.send_to("stub")
            eventually(lambda: client.get("/").status_code == 200, 15, "the good one listens")
            eventually(lambda: client.get("/").is_success and b"GET" in bad.logs(), 15, "the bad one does, too")
            gets = {client.get("/").status_code for _ in range(count)}
            posts = [client.post("/").status_code for _ in range(count)]
        finally:
            balancer.send_to(before)
        arrived = [container.logs().split().count(b"POST") for container in (good, bad)]
    assert gets == {200}, "a GET that got no answer is sent again"
    assert sum(arrived) == count, "each POST arrived once"
    assert (posts.count(200), posts.count(502)) == tuple(arrived)
    assert all(arrived), "both were asked"


def asked(connection: HTTPConnection, person: Person) -> int:
    connection.request("GET", "/api/users/me", headers=person.headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@contextmanager
def slow_upload(stack: Stack, person: Person) -> Generator[Callable[[], bytes]]:
    """Sends half a request. What is yielded sends the rest, and returns how the answer begins."""
    body = json.dumps({"feature": "slow"}).encode()
    head = f"POST /api/usage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stack.port)) as connection:
        connection.sendall(head.encode() + body[:5])

        def finish() -> bytes:
            connection.sendall(body[5:])
            return connection.recv(13)

        yield finish


def test_more_and_fewer_replicas_leave_those_that_stay_alone(stack: Stack, person: Person) -> None:
    with users(stack, person) as load:
        with stack.changed_settings("replicas: 3", "replicas: 2"):
            assert by_pulumi(stack).code == 0
        fewer = replicas(stack)
        assert by_pulumi(stack).code == 0
    assert not load.report.failures, str(load.report)
    assert len(fewer) == 2
    assert fewer < replicas(stack)
    assert len(replicas(stack)) == 3


@contextmanager
def hurried(stack: Stack) -> Generator[None]:
    with stack.changed_settings("    replicas: 3\n", "    replicas: 3\n    ready_within: 8\n"):
        yield


def by_make(stack: Stack) -> Done:
    return stack.up()


def by_pulumi(stack: Stack) -> Done:
    return stack.pulumi("up", "--yes", "--skip-preview")


@pytest.mark.parametrize(
    ("up", "file", "bad", "why", "last_words"),
    [
        (by_make, "app/__init__.py", CRASHES, "ended with exit code 1", "this version cannot start"),
        (by_pulumi, "app/health/service.py", IS_NEVER_READY, "not ready within 8 s", "something that never comes"),
        (by_make, "app/usage/service.py", CRASHES_WHEN_USED, "ready, then ended", "this version cannot work"),
        (by_pulumi, "app/health/startup.py", LEAKS, "its limit is 512 MiB of memory", "takes all there is"),
    ],
    ids=["crashes at start", "is never ready", "is ready, then crashes", "leaks until it is killed"],
)
def test_a_bad_version_is_undone_by_itself(
    stack: Stack,
    client: httpx.Client,
    person: Person,
    up: Callable[[Stack], Done],
    file: str,
    bad: str,
    why: str,
    last_words: str,
) -> None:
    before, serving = replicas(stack), version(client)
    with users(stack, person) as load, stack.changed_code(bad, file), hurried(stack):
        done = up(stack)
    assert done.code != 0, done.text
    assert why in done.text, done.text
    assert last_words in done.text, f"its last log lines: {done.text}"
    assert replicas(stack) == before
    assert version(client) == serving
    if "ready, then ended" in done.text:
        # Whoever was sent to it lost a request, until the others were asked again a moment later.
        assert {answer.status for answer in load.report.failures} <= {502, 504}
        row = {"feature": "after"}
        after = [client.post("/api/usage", json=row, headers=person.headers).status_code for _ in range(20)]
        assert set(after) == {201}
    else:
        assert not load.report.failures, str(load.report)


def test_a_rollback_returns_to_the_image_and_the_settings_of_the_release_before(
    stack: Stack, client: httpx.Client, person: Person
) -> None:
    assert by_pulumi(stack).code == 0
    first = version(client)
    with stack.changed_code("# another release"), stack.changed_settings("    api: 1000000", "    api: 2000000"):
        assert by_pulumi(stack).code == 0
        second = version(client)
        with stack.changed_code(CRASHES), hurried(stack):
            assert by_pulumi(stack).code != 0
        with users(stack, person) as load:
            done = stack.ops("rollback")
    assert done.code == 0, done.text
    assert version(client) == first != second, "not to the one that failed"
    assert variable(stack, "RATE_LIMIT_API") == "1000000"
    assert not load.report.failures, str(load.report)
    assert "image creat" not in done.text, "nothing is built"
    assert "MigrationRun" not in done.text, "the schema stays"
    again = by_pulumi(stack)
    assert again.code == 0, again.text
    assert (version(client), stack.resource_changes()) == (first, {})


def variable(stack: Stack, name: str) -> str:
    environment: list[str] = stack.containers("api")[0].attrs["Config"]["Env"]
    return dict(entry.split("=", 1) for entry in environment)[name]


def test_maintenance_is_one_setting_and_told_to_browsers_and_programs(stack: Stack, client: httpx.Client) -> None:
    before = replicas(stack)
    with stack.changed_settings("  nuggetwise:port:", "  nuggetwise:maintenance: true\n  nuggetwise:port:"):
        done = by_pulumi(stack)
        assert done.code == 0, done.text
        told = client.get("/api/users/me")
        page = client.get("/", headers={"Accept": "text/html,*/*"})
        health = client.get("/api/health")
    assert by_pulumi(stack).code == 0
    assert (told.status_code, told.headers["content-type"]) == (503, "application/problem+json")
    assert told.json()["status"] == 503
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html")
    assert "Maintenance" in page.text
    assert int(told.headers["retry-after"]) == int(page.headers["retry-after"]) > 0
    assert health.status_code == 200
    assert client.get("/api/users/me").status_code == 401
    assert replicas(stack) == before


def test_nginx_takes_new_settings_without_refusing_anybody_and_the_preview_says_how(
    stack: Stack, client: httpx.Client, person: Person
) -> None:
    balancer = stack.containers("load-balancer")[0].id
    config = stack.project / "infra" / "load_balancer" / "nginx.conf"
    with changed(config, lambda text: text.replace("client_max_body_size 1m", "client_max_body_size 10k")):
        preview = stack.pulumi("preview")
        # Connections of their own, since a reload closes those that are idle.
        with ThreadPoolExecutor(4) as threads:
            asked = [threads.submit(ask_again_and_again, stack) for _ in range(4)]
            done = by_pulumi(stack)
            statuses = {status for answers in asked for status in answers.result()}
        big = client.post("/api/usage", content=b"x" * 20000, headers=person.headers)
    with changed(config, lambda text: text.replace("client_max_body_size", "client_maximal_body_size")):
        wrong = by_pulumi(stack)
    assert "nginx will reload: no request is refused" in preview.text
    assert done.code == 0, done.text
    assert statuses == {200}
    assert big.status_code == 413
    assert wrong.code != 0
    assert 'unknown directive "client_maximal_body_size"' in wrong.text
    assert client.get("/api/health/live").status_code == 200
    assert by_pulumi(stack).code == 0
    assert stack.containers("load-balancer")[0].id == balancer


def ask_again_and_again(stack: Stack) -> list[int]:
    end = time.monotonic() + 10
    statuses: list[int] = []
    while time.monotonic() < end:
        statuses.append(httpx.get(f"{stack.url}/api/health/live").status_code)
        time.sleep(0.02)
    return statuses


def test_postgresql_takes_new_settings_in_place_and_the_preview_says_whether_it_restarts(
    stack: Stack, person: Person
) -> None:
    database = stack.containers("database")[0].id
    settings = stack.project / "infra" / "database" / "local.py"
    with changed(
        settings, lambda text: text.replace('"log_min_duration_statement": "1s"', '"log_min_duration_statement": "2s"')
    ):
        reload = stack.pulumi("preview")
        with users(stack, person) as load:
            assert by_pulumi(stack).code == 0
        assert stack.sql("SHOW log_min_duration_statement") == "2s"
    assert not load.report.failures, str(load.report)
    with stack.changed_settings("max_connections: 100", "max_connections: 120"):
        restart = stack.pulumi("preview")
        with users(stack, person) as load:
            assert by_pulumi(stack).code == 0
        assert stack.sql("SHOW max_connections") == "120"
    assert {answer.status for answer in load.report.failures} <= {503}, str(load.report)
    assert "takes log_min_duration_statement. It reloads, and nobody notices" in reload.text
    assert "For max_connections PostgreSQL ends and starts again" in restart.text
    assert by_pulumi(stack).code == 0
    assert stack.containers("database")[0].id == database
    written = sum(answer.status == 201 for answer in load.report.answers)
    assert rows(stack, person)[1] >= written


def test_a_preview_says_what_is_noticed_while_a_container_is_replaced(stack: Stack) -> None:
    with changed(stack.project / "images" / "cache" / "start", lambda text: f"{text}# changed\n"):
        preview = stack.pulumi("preview")
    assert "cache: its container will be replaced. Valkey starts empty" in preview.text
    assert "database: its container" not in preview.text
