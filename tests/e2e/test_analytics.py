"""Sums of usage and their cache, through nginx."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx

from .conftest import Person, Stack, eventually

NewPerson = Callable[[], Person]
REPLICAS = 3


def ask(client: httpx.Client, person: Person) -> httpx.Response:
    return client.get("/api/analytics", headers=person.headers)


def use(client: httpx.Client, person: Person, feature: str, count: int = 1) -> None:
    usage = {"feature": feature, "usage_count": count}
    assert client.post("/api/usage", json=usage, headers=person.headers).status_code == 201


def forget(stack: Stack, person: Person) -> None:
    assert stack.containers("cache")[0].exec_run(["valkey-cli", "del", f"analytics:{person.id}"]).output == b"1\n"


@contextmanager
def without_cache(stack: Stack) -> Generator[None]:
    (cache,) = stack.containers("cache")
    cache.kill()
    try:
        yield
    finally:
        cache.start()


def test_counts_are_per_feature_and_day_and_cached(
    stack: Stack, client: httpx.Client, new_person: NewPerson, v0: httpx.Client
) -> None:
    person = new_person()
    today = datetime.now(UTC).date()
    use(client, person, "install", 2)
    use(client, person, "install", 3)
    assert client.post("/api/components/generations", json={"prompt": "x"}, headers=person.headers).status_code == 201
    for days, count in ((1, 7), (29, 9), (30, 1000), (40, 1000)):
        moment = datetime.combine(today - timedelta(days=days), datetime.min.time(), UTC).isoformat()
        columns = "user_id, feature, usage_count, created_at"
        # 40 days ago may be before the oldest partition.
        if days < 40 or stack.sql(f"SELECT to_regclass('usage_{moment[:7].replace('-', '')}') IS NOT NULL") == "t":
            stack.sql(f"INSERT INTO usage ({columns}) VALUES ('{person.id}', 'install', {count}, '{moment}')")

    first = ask(client, person)
    assert (first.status_code, first.headers["x-cache"]) == (200, "miss")
    assert first.json()["items"] == [
        {"day": str(today), "feature": "component_generation", "usage_count": 1},
        {"day": str(today), "feature": "install", "usage_count": 5},
        {"day": str(today - timedelta(days=1)), "feature": "install", "usage_count": 7},
        {"day": str(today - timedelta(days=29)), "feature": "install", "usage_count": 9},
    ]
    use(client, person, "later")
    for _ in range(REPLICAS * 2):
        again = ask(client, person)
        assert (again.headers["x-cache"], again.content) == ("hit", first.content)
    _, expiry = stack.containers("cache")[0].exec_run(["valkey-cli", "ttl", f"analytics:{person.id}"])
    assert isinstance(expiry, bytes)
    assert 0 < int(expiry) <= 300
    forget(stack, person)
    anew = ask(client, person)
    assert (anew.headers["x-cache"], "later" in anew.text) == ("miss", True)


def test_nobody_gets_anothers_counts_from_the_cache(client: httpx.Client, new_person: NewPerson) -> None:
    alice, bob = new_person(), new_person()
    use(client, alice, "alices")
    for _ in range(REPLICAS):
        assert "alices" in ask(client, alice).text
        assert ask(client, bob).json() == {"items": []}


def test_a_cached_answer_is_not_for_a_token_that_is_no_good_any_more(
    stack: Stack, client: httpx.Client, new_person: NewPerson
) -> None:
    logged_out, removed = new_person(), new_person()
    for person in (logged_out, removed):
        ask(client, person)
        assert ask(client, person).headers["x-cache"] == "hit"
    assert client.post("/api/auth/logout", headers=logged_out.headers).status_code == 204
    assert client.delete("/api/users/me", headers=removed.headers).status_code == 204
    # As if the cache had lost what it knows of revocations, and nothing else.
    command = "valkey-cli --scan --pattern 'revoked:*' | xargs -r valkey-cli del"
    assert stack.containers("cache")[0].exec_run(["sh", "-c", command]).exit_code == 0
    for person in (logged_out, removed):
        for _ in range(REPLICAS * 2):
            answer = ask(client, person)
            assert (answer.status_code, "x-cache" in answer.headers) == (401, False)


def test_a_dead_cache_slows_but_does_not_break(stack: Stack, client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    use(client, person, "before")
    with without_cache(stack):
        for _ in range(REPLICAS * 2):
            answer = ask(client, person)
            assert (answer.status_code, answer.headers["x-cache"]) == (200, "miss")
            assert "before" in answer.text
    eventually(lambda: ask(client, person).headers["x-cache"] == "hit", 20, "the cache is used again")
