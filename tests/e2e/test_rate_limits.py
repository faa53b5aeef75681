"""The limits of the specification, across three replicas: an API and an nginx of their own on the stack's cache.

The stack's own replicas have raised limits, because every other test calls from one address too.
"""

import time
from collections.abc import Callable, Generator

import httpx
import pytest
from docker.models.containers import Container
from docker.models.networks import Network

from infra import labels
from infra.load_balancer.balancer import Balancer
from infra.load_balancer.nginx import CONFIG

from .conftest import Person, Stack, eventually

NewPerson = Callable[[], Person]
REPLICAS, API, AUTH = 3, 100, 5


@pytest.fixture(scope="module")
def replicas(stack: Stack) -> Generator[list[Container]]:
    """Like the stack's, but with the limits that hold when nothing is said."""
    serving = stack.containers("api")[0]
    environment = [entry for entry in serving.attrs["Config"]["Env"] if not entry.startswith("RATE_LIMIT_")]
    (home,) = stack.engine.networks.list(filters={"label": f"{labels.STACK}={stack.name}"})
    carried = stack.labels("limited")
    front: Network = stack.engine.networks.create(f"{stack.name}-limited", labels=carried)
    made = [
        stack.engine.containers.create(
            serving.attrs["Image"], environment=environment, network=home.name, labels=carried
        )
        for _ in range(REPLICAS)
    ]
    for replica in made:
        front.connect(replica, aliases=["api"])
        replica.start()
    yield made
    for replica in made:
        replica.remove(force=True)
    front.remove()


@pytest.fixture(scope="module")
def limited_url(stack: Stack, replicas: list[Container]) -> Generator[str]:
    balancer = stack.engine.containers.run(
        stack.containers("load-balancer")[0].attrs["Image"],
        ["start", "load-balancer"],
        network=f"{stack.name}-limited",
        ports={"8080/tcp": ("127.0.0.1", 0)},
        labels=stack.labels("limited"),
        detach=True,
    )
    try:
        eventually(lambda: bool(port_of(balancer)), 10, "a published port")
        url = f"http://127.0.0.1:{port_of(balancer)}"
        eventually(lambda: httpx.get(f"{url}/load-balancer/health").status_code == 200, 10, "nginx")
        Balancer(balancer).configure(CONFIG.read_text())
        eventually(lambda: all_answer(url, replicas), 60, "three replicas behind nginx")
        yield url
    finally:
        balancer.remove(force=True)


def port_of(container: Container) -> str | None:
    container.reload()
    bindings = container.attrs["NetworkSettings"]["Ports"].get("8080/tcp")
    return bindings[0]["HostPort"] if bindings else None


def all_answer(url: str, replicas: list[Container]) -> bool:
    probes = [replica.exec_run(["curl", "-fsS", "http://127.0.0.1:3000/api/health/ready"]) for replica in replicas]
    return all(code == 0 for code, _ in probes) and httpx.get(f"{url}/api/health").status_code == 200


@pytest.fixture
def limited(stack: Stack, limited_url: str) -> Generator[httpx.Client]:
    """A client of theirs, whose windows have not begun yet."""
    valkey(stack, "flushall")
    with httpx.Client(base_url=limited_url, timeout=30) as client:
        yield client


def valkey(stack: Stack, *arguments: str) -> str:
    code, output = stack.containers("cache")[0].exec_run(["valkey-cli", *arguments])
    assert isinstance(output, bytes)
    assert code == 0, output
    return output.decode()


def left(answer: httpx.Response, name: str) -> int:
    """`r` of a limit in `RateLimit`."""
    (field,) = [part for part in answer.headers["ratelimit"].split(", ") if part.startswith(f'"{name}"')]
    return int(field.split(";")[1].removeprefix("r="))


def served(replica: Container) -> int:
    return replica.logs(stdout=True, stderr=False).decode().count('"message": "GET /api/users/me 401"')


def test_a_hundred_requests_are_let_through_by_all_replicas_together(
    limited: httpx.Client, replicas: list[Container], client: httpx.Client
) -> None:
    before = [served(replica) for replica in replicas]
    answers = [limited.get("/api/users/me") for _ in range(API)]
    assert {answer.status_code for answer in answers} == {401}
    assert [left(answer, "api") for answer in answers] == list(range(API))[::-1]
    assert answers[0].headers["ratelimit-policy"] == f'"api";q={API};w=900'
    assert all(served(replica) > count for replica, count in zip(replicas, before, strict=True)), "each had its share"

    refused = limited.get("/api/users/me")
    assert (refused.status_code, refused.json()["status"]) == (429, 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert 880 <= int(refused.headers["retry-after"]) <= 900
    assert limited.get("/api/health").status_code == 200, "health is not limited"
    assert limited.get("/api/health/live").status_code == 200
    assert limited.post("/api/webhooks/stripe", content=b"").status_code != 429
    assert client.get("/api/users/me").status_code == 401, "another client is not affected"


def test_no_header_gives_a_client_another_address(limited: httpx.Client) -> None:
    for number in range(API + 3):
        forged = f"198.51.100.{number}"
        answer = limited.get(
            "/api/users/me",
            headers={
                "X-Forwarded-For": f"{forged}, 10.0.0.{number}",
                "Forwarded": f"for={forged}",
                "X-Real-IP": forged,
                "CF-Connecting-IP": forged,
                "True-Client-IP": forged,
            },
        )
        assert answer.status_code == (401 if number < API else 429)


def test_five_logins_are_let_through_and_count_against_both_limits(
    limited: httpx.Client, new_person: NewPerson
) -> None:
    person = new_person()
    wrong = {"email": person.email, "password": "wrong password"}
    answers = [limited.post("/api/auth/login", json=wrong) for _ in range(AUTH)]
    assert [answer.status_code for answer in answers] == [401] * AUTH
    assert answers[-1].headers["ratelimit-policy"] == f'"api";q={API};w=900, "auth";q={AUTH};w=900'
    right = {"email": person.email, "password": person.password}
    refused = limited.post("/api/auth/login", json=right)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) <= 900
    assert limited.post("/api/auth/register", json=right).status_code == 429
    elsewhere = limited.get("/api/users/me", headers=person.headers)
    assert elsewhere.status_code == 200
    assert left(elsewhere, "api") == API - AUTH - 3


def test_a_counter_always_has_an_end(stack: Stack, limited: httpx.Client) -> None:
    limited.post("/api/auth/login", json={})
    keys = valkey(stack, "--scan", "--pattern", "limit:*").split()
    assert len(keys) == 2, keys
    for key in keys:
        assert 0 < int(valkey(stack, "ttl", key)) <= 900, key


def test_while_the_cache_hangs_each_replica_counts_by_itself_and_few_requests_wait(
    stack: Stack, limited: httpx.Client
) -> None:
    cache = stack.containers("cache")[0]
    cache.pause()
    try:
        seconds: list[float] = []
        statuses: list[int] = []
        # Which replica answers is nginx's choice: the last of them has counted its hundred by then.
        for _ in range(REPLICAS * API * 2):
            started = time.monotonic()
            statuses.append(limited.get("/api/users/me").status_code)
            seconds.append(time.monotonic() - started)
    finally:
        cache.unpause()
    assert set(statuses) == {401, 429}
    assert API <= statuses.count(401) <= REPLICAS * API
    assert set(statuses[-20:]) == {429}
    # Half a second is how long the API waits for the cache.
    assert sum(took >= 0.5 for took in seconds) < len(seconds) / 10, "nine of ten requests do not wait for the cache"
    eventually(lambda: limited.get("/api/users/me").status_code == 401, 10, "counted in the cache again")
