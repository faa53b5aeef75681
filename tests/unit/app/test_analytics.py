"""The cache of the analytics: what is kept, for whom, and what a failing cache does."""

import json
from datetime import date
from uuid import UUID, uuid4

import pytest

from app.analytics import repository, service
from app.analytics.schemas import Count
from app.cache import CacheUnavailable
from app.problems import Unauthorized
from app.tokens import Principal


class FakeCache:
    def __init__(self) -> None:
        self.values: dict[str, tuple[bytes, int]] = {}
        self.up = True

    async def get(self, key: str) -> bytes | None:
        if not self.up:
            raise CacheUnavailable
        return self.values[key][0] if key in self.values else None

    async def set(self, key: str, value: bytes, *, seconds: int) -> None:
        if not self.up:
            raise CacheUnavailable
        self.values[key] = value, seconds


class Usage:
    """In the repository's place: what each user used, and whose token is no good."""

    def __init__(self) -> None:
        self.counts: dict[UUID, list[Count]] = {}
        self.asked = 0
        self.revoked: set[UUID] = set()

    async def of(self, _database: object, caller: Principal) -> list[Count]:
        self.asked += 1
        return self.counts.get(caller.user_id, [])

    async def check(self, _database: object, caller: Principal) -> None:
        if caller.user_id in self.revoked:
            raise Unauthorized("The token was revoked.")


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch) -> Usage:
    usage = Usage()
    monkeypatch.setattr(repository, "counts", usage.of)
    monkeypatch.setattr(repository, "check_token", usage.check)
    return usage


def caller() -> Principal:
    return Principal(uuid4(), uuid4(), 2**31)


async def ask(cache: FakeCache, person: Principal) -> tuple[bytes, service.Source]:
    return await service.analytics(None, cache, person)  # pyright: ignore[reportArgumentType]


def counts(feature: str = "install", rows: int = 1) -> list[Count]:
    return [Count(day=date(2026, 11, 23), feature=f"{feature}{row}", usage_count=1) for row in range(rows)]


async def test_the_second_answer_is_the_first_one_and_costs_no_sums(usage: Usage):
    cache, alice = FakeCache(), caller()
    usage.counts[alice.user_id] = counts()
    first, source = await ask(cache, alice)
    assert (json.loads(first), source) == (
        {"items": [{"day": "2026-11-23", "feature": "install0", "usage_count": 1}]},
        "miss",
    )
    assert await ask(cache, alice) == (first, "hit")
    assert usage.asked == 1
    assert [seconds for _, seconds in cache.values.values()] == [300]


async def test_each_person_has_their_own(usage: Usage):
    cache, alice, bob = FakeCache(), caller(), caller()
    usage.counts[alice.user_id] = counts("alices")
    await ask(cache, alice)
    assert await ask(cache, bob) == (b'{"items":[]}', "miss")


async def test_a_hit_is_not_for_a_token_that_is_no_good(usage: Usage):
    cache, alice = FakeCache(), caller()
    await ask(cache, alice)
    usage.revoked.add(alice.user_id)
    with pytest.raises(Unauthorized):
        await ask(cache, alice)


async def test_a_dead_cache_costs_time_only(usage: Usage):
    cache, alice = FakeCache(), caller()
    usage.counts[alice.user_id] = counts()
    cache.up = False
    for _ in range(2):
        document, source = await ask(cache, alice)
        assert (b"install" in document, source) == (True, "miss")


async def test_nobody_fills_the_cache_with_features_of_their_own(usage: Usage):
    cache, alice = FakeCache(), caller()
    usage.counts[alice.user_id] = counts("x" * 60, 10_000)
    for _ in range(2):
        document, source = await ask(cache, alice)
        assert (len(json.loads(document)["items"]), source) == (10_000, "miss")
    assert cache.values == {}
