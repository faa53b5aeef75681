"""Generating components through nginx, with a v0 that is good, slow, failing and lying."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from .conftest import Person, Stack, eventually

NewPerson = Callable[[], Person]
PATH = "/api/components/generations"
QUOTA = 10  # of the plan free, in Pulumi.dev.yaml


def generate(client: httpx.Client, person: Person, prompt: str = "A button") -> httpx.Response:
    return client.post(PATH, json={"prompt": prompt}, headers=person.headers)


def counted(stack: Stack, person: Person) -> int:
    query = f"SELECT coalesce(sum(usage_count), 0) FROM usage WHERE user_id = '{person.id}'"
    return int(stack.sql(f"{query} AND feature = 'component_generation'"))


def reserved(stack: Stack, person: Person) -> int:
    return int(stack.sql(f"SELECT count(*) FROM generation_reservations WHERE user_id = '{person.id}'"))


def metric(stack: Stack) -> float:
    total = 0.0
    for replica in stack.containers("api"):
        _, text = replica.exec_run(["curl", "-s", "http://127.0.0.1:3000/api/metrics"])
        assert isinstance(text, bytes)
        found = re.search(r"^component_generations_total (\S+)$", text.decode(), re.MULTILINE)
        assert found
        total += float(found[1])
    return total


def test_a_component_is_generated_and_counted_once(
    stack: Stack, client: httpx.Client, new_person: NewPerson, v0: httpx.Client
) -> None:
    person, before = new_person(), metric(stack)
    answer = generate(client, person, "A button that says moin")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body.keys() == {"id", "code", "model"}
    assert "A button that says moin" in body["code"]
    assert "```" not in body["code"]
    assert body["model"] == "v0-1.5-md"
    (row,) = client.get("/api/usage", headers=person.headers).json()["items"]
    assert (row["id"], row["feature"], row["usage_count"]) == (body["id"], "component_generation", 1)
    assert metric(stack) == before + 1
    assert reserved(stack, person) == 0
    (question,) = v0.get("/_control").json()["asked"]
    assert question["key"] == "configured"


def test_a_callers_own_key_goes_first_and_a_bad_one_is_told(
    stack: Stack, client: httpx.Client, new_person: NewPerson, v0: httpx.Client
) -> None:
    person = new_person()

    def store(key: str | None) -> None:
        assert client.patch("/api/users/me", json={"v0_api_key": key}, headers=person.headers).status_code == 200

    store("v1:of-my-own")
    assert generate(client, person).status_code == 201
    assert [question["key"] for question in v0.get("/_control").json()["asked"]] == ["other"]
    for bad in ("revoked-key", "clé\nX-Forged: 1"):
        store(bad)
        answer = generate(client, person)
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        assert bad not in answer.text
    v0.post("/_control", json={"status": 402})
    store("v1:without-credit")
    assert generate(client, person).status_code == 409
    v0.post("/_control", json={"status": 429, "retry_after": 17})
    answer = generate(client, person)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "17")
    v0.post("/_control", json={})
    store(None)
    assert generate(client, person).status_code == 201
    assert counted(stack, person) == 2
    logs = "".join(replica.logs(stderr=False).decode() for replica in stack.containers("api"))
    assert "of-my-own" not in logs
    assert "revoked-key" not in logs


def test_requests_at_once_never_get_more_than_the_quota_and_another_plan_has_more(
    stack: Stack, client: httpx.Client, new_person: NewPerson, v0: httpx.Client
) -> None:
    person = new_person()
    v0.post("/_control", json={"seconds": 0.3})
    with ThreadPoolExecutor(QUOTA + 6) as at_once:
        waiting = [at_once.submit(generate, client, person) for _ in range(QUOTA + 6)]
        answers = [each.result() for each in waiting]
    assert sorted(answer.status_code for answer in answers) == [201] * QUOTA + [429] * 6
    assert counted(stack, person) == QUOTA
    assert reserved(stack, person) == 0
    refused = generate(client, person)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 31 * 86400
    assert generate(client, new_person()).status_code == 201, "a quota is one person's"
    stack.sql(f"UPDATE users SET subscription_plan = 'pro' WHERE id = '{person.id}'")
    assert generate(client, person).status_code == 201


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"status": 500}, 503),
        ({"status": 401}, 503),
        ({"status": 429, "retry_after": 5}, 503),
        ({"status": 400}, 422),
        ({"lie": "text"}, 502),
        ({"lie": "no choices"}, 502),
        ({"lie": "huge"}, 502),
        ({"lie": "hang up"}, 503),
    ],
)
def test_what_fails_costs_nothing(
    stack: Stack,
    client: httpx.Client,
    new_person: NewPerson,
    v0: httpx.Client,
    told: dict[str, object],
    status: int,
) -> None:
    person = new_person()
    v0.post("/_control", json=told)
    answer = generate(client, person)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (status == 503) == ("retry-after" in answer.headers)
    assert (counted(stack, person), reserved(stack, person)) == (0, 0)
    # So that no replica has had enough of v0 when the next test comes.
    v0.post("/_control", json={})
    for _ in range(6):
        assert generate(client, person).status_code == 201


def test_while_v0_thinks_no_database_connection_is_held(
    stack: Stack, client: httpx.Client, new_person: NewPerson, v0: httpx.Client
) -> None:
    person = new_person()
    v0.post("/_control", json={"seconds": 3})
    with ThreadPoolExecutor(1) as background:
        waiting = background.submit(generate, client, person)
        eventually(lambda: len(v0.get("/_control").json()["asked"]) == 1, 3, "v0 is asked")
        busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'nuggetwise_api' AND state <> 'idle'"
        assert stack.sql(busy) == "0"
        assert reserved(stack, person) == 1
        assert waiting.result().status_code == 201


def test_who_is_removed_while_v0_thinks_gets_nothing(
    stack: Stack, client: httpx.Client, new_person: NewPerson, v0: httpx.Client
) -> None:
    person = new_person()
    v0.post("/_control", json={"seconds": 2})
    with ThreadPoolExecutor(1) as background:
        waiting = background.submit(generate, client, person)
        eventually(lambda: len(v0.get("/_control").json()["asked"]) == 1, 2, "v0 is asked")
        assert client.delete("/api/users/me", headers=person.headers).status_code == 204
        assert waiting.result().status_code == 401
    assert (counted(stack, person), reserved(stack, person)) == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": ""},
        {"prompt": None},
        {"prompt": 1},
        {"prompt": ["x"]},
        {"prompt": "\x00"},
        {"prompt": "x" * 20_001},
        {"prompt": "x", "model": "gpt"},
        {"prompt": "x", "usage_count": 0},
        [],
    ],
)
def test_a_bad_request_never_reaches_v0(
    client: httpx.Client, new_person: NewPerson, v0: httpx.Client, body: object
) -> None:
    answer = client.post(PATH, json=body, headers=new_person().headers)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert v0.get("/_control").json()["asked"] == []


def test_a_v0_that_goes_on_failing_is_left_alone_and_asked_again_later(
    stack: Stack, client: httpx.Client, new_person: NewPerson, v0: httpx.Client
) -> None:
    person = new_person()
    v0.post("/_control", json={"status": 500})

    def asked() -> int:
        return len(v0.get("/_control").json()["asked"])

    answers = [generate(client, person) for _ in range(60)]
    assert {answer.status_code for answer in answers} == {503}
    assert asked() == 15, "five times by each of three replicas"
    assert all(1 <= int(answer.headers["retry-after"]) <= 15 for answer in answers[-9:])
    assert client.get("/api/installations", headers=person.headers).status_code == 200
    v0.post("/_control", json={})

    def every_replica_asks_again() -> bool:
        return [generate(client, person).status_code for _ in range(3)] == [201] * 3

    eventually(every_replica_asks_again, 25, "components again")
    assert counted(stack, person) <= QUOTA
