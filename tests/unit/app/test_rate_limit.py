"""Rate limits: where they hold, whom they count, what an answer tells, and that nothing evades or outgrows them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from fastapi import FastAPI

from app import cache as cache_module
from app import rate_limit
from app.cache import Cache, CacheUnavailable
from app.main import create_app
from app.rate_limit import WINDOW, Count, LocalCounters, Policies, bucket_of
from app.settings import Settings

POLICIES = Policies(api=100, auth=5)
API, AUTH = 4, 2


@pytest.mark.parametrize(
    ("method", "path", "names"),
    [
        ("GET", "/api/installations", ["api"]),
        ("GET", "/api/nothing", ["api"]),
        ("GET", "/api/docs", ["api"]),
        ("GET", "/api/healthy", ["api"]),
        ("GET", "/api/webhooks", ["api"]),
        ("POST", "/api/auth/login", ["api", "auth"]),
        ("POST", "/api/auth/nothing", ["api", "auth"]),
        ("GET", "/api/auth/login", ["api", "auth"]),
        ("GET", "/api/health", []),
        ("GET", "/api/health/live", []),
        ("GET", "/api/health/ready", []),
        ("GET", "/api/metrics", []),
        ("POST", "/api/webhooks/stripe", []),
        ("OPTIONS", "/api/auth/login", []),
        ("GET", "/", []),
    ],
)
def test_limits_hold_on_the_api_but_not_on_health_metrics_webhooks_and_preflights(
    method: str, path: str, names: list[str]
):
    assert [limit.name for limit in POLICIES.of(method, path).limits] == names


@pytest.mark.parametrize(
    ("client", "bucket"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_client_counts_by_the_network_that_it_chooses_addresses_from(client: str, bucket: str):
    assert bucket_of(client) == bucket


def test_the_headers_are_structured_fields_with_what_is_left_of_each_limit():
    policy = POLICIES.of("POST", "/api/auth/login")
    assert dict(policy.headers([Count(7, 890), Count(9, 12)])) == {
        b"ratelimit-policy": b'"api";q=100;w=900, "auth";q=5;w=900',
        b"ratelimit": b'"api";r=93;t=890, "auth";r=0;t=12',
    }


def test_whoever_exceeds_a_limit_waits_for_the_last_of_the_exceeded_ones():
    policy = POLICIES.of("POST", "/api/auth/login")
    assert policy.retry_after([Count(100, 890), Count(5, 12)]) == 0
    assert policy.retry_after([Count(100, 890), Count(6, 12)]) == 12
    assert policy.retry_after([Count(101, 890), Count(6, 12)]) == 890


def test_a_local_window_begins_with_the_first_request_and_ends(monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    counters = LocalCounters()
    assert counters.count(["a", "b"]) == [Count(1, WINDOW), Count(1, WINDOW)]
    now += 899.5
    assert counters.count(["a"]) == [Count(2, 1)]
    now += 0.5
    assert counters.count(["a"]) == [Count(1, WINDOW)]


def test_local_windows_are_bounded_and_the_oldest_go_first():
    counters = LocalCounters(windows=100)
    for number in range(50):
        counters.count([f"early-{number}"])
    for number in range(100):
        counters.count(["mine", f"late-{number}"])
    assert len(counters._windows) == 100  # pyright: ignore[reportPrivateUsage]
    assert counters.count(["late-99"])[0].requests == 2
    assert counters.count(["early-0"])[0].requests == 1


class Redis:
    """Stands in for the cache: the same answers, without a server."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.counts: dict[str, int] = {}
        self.revoked: set[str] = set()

    async def check_and_count(
        self, key: str, counters: Sequence[str], *, seconds: int
    ) -> tuple[bool, list[tuple[int, int]]]:
        assert seconds == WINDOW
        self.asked.append((key, list(counters)))
        for counter in counters:
            self.counts[counter] = self.counts.get(counter, 0) + 1
        return key in self.revoked, [(self.counts[counter], 599_001) for counter in counters]


@pytest.fixture
def limited(make_settings: Callable[..., Settings]) -> FastAPI:
    """An API with low limits, whose cache is out of reach."""
    return create_app(
        make_settings(
            RATE_LIMIT_API=str(API),
            RATE_LIMIT_AUTH=str(AUTH),
            TRUSTED_PROXIES="10.0.0.0/8",
            FRONTEND_URL="https://frontend.test",
        )
    )


@pytest.fixture
def redis(limited: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Redis:
    fake = Redis()
    monkeypatch.setattr(limited.state.resources.cache, "check_and_count", fake.check_and_count)
    return fake


@pytest.fixture
async def proxied(limited: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Calls as a trusted proxy does; X-Forwarded-For says for whom."""
    transport = httpx.ASGITransport(limited, client=("10.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield client


def for_(client: str) -> dict[str, str]:
    return {"X-Forwarded-For": client}


async def test_a_limited_answer_tells_what_is_left_whatever_its_status(proxied: httpx.AsyncClient, redis: Redis):
    for path, status in (("/api/installations", 401), ("/api/nothing", 404)):
        answer = await proxied.get(path, headers=for_("203.0.113.9"))
        assert answer.status_code == status
        assert answer.headers["ratelimit-policy"] == f'"api";q={API};w=900'
    assert answer.headers["ratelimit"] == f'"api";r={API - 2};t=600'
    assert "ratelimit" not in (await proxied.get("/api/health/live")).headers


async def test_past_the_limit_the_answer_is_a_problem_that_says_when_to_come_back(
    proxied: httpx.AsyncClient, redis: Redis
):
    origin = {"Origin": "https://frontend.test"}
    for _ in range(API):
        assert (await proxied.get("/api/nothing", headers=for_("203.0.113.9"))).status_code == 404
    answer = await proxied.get("/api/nothing", headers={**for_("203.0.113.9"), **origin})
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "600"
    assert answer.headers["ratelimit"] == '"api";r=0;t=600'
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["access-control-allow-origin"] == "https://frontend.test"
    exposed = answer.headers["access-control-expose-headers"]
    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(exposed.split(", "))
    assert (await proxied.get("/api/nothing", headers=for_("203.0.113.10"))).status_code == 404, "another client"


async def test_a_login_counts_against_both_limits(proxied: httpx.AsyncClient, redis: Redis):
    login = "/api/auth/login"
    statuses = [(await proxied.post(login, json={}, headers=for_("1.2.3.4"))).status_code for _ in range(AUTH + 1)]
    assert statuses == [422] * AUTH + [429]
    encoded = await proxied.post("/api/%61uth/login", json={}, headers=for_("1.2.3.4"))
    assert encoded.status_code == 429, "the same route, written otherwise"
    assert redis.counts == {"limit:api:1.2.3.4": AUTH + 2, "limit:auth:1.2.3.4": AUTH + 2}


async def test_what_a_client_claims_about_its_address_changes_nothing(limited: FastAPI, redis: Redis):
    """Neither from the right of a trusted proxy's word, nor from a peer that is no trusted proxy."""
    for peer, header in (("10.0.0.1", "{}, 203.0.113.9"), ("203.0.113.9", "{}")):
        transport = httpx.ASGITransport(limited, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            for number in range(3):
                await client.get("/api/nothing", headers=for_(header.format(f"9.9.9.{number}")))
    assert redis.counts == {"limit:api:203.0.113.9": 6}


async def test_health_metrics_webhooks_and_preflights_are_never_counted(proxied: httpx.AsyncClient, redis: Redis):
    preflight = {"Origin": "https://frontend.test", "Access-Control-Request-Method": "POST"}
    for _ in range(API + 1):
        assert (await proxied.get("/api/health/live")).status_code == 200
        assert (await proxied.get("/api/metrics")).status_code == 200
        assert (await proxied.post("/api/webhooks/none")).status_code == 404
        assert (await proxied.options("/api/auth/login", headers=preflight)).status_code == 200
    assert redis.asked == []


async def test_limit_and_revocation_take_one_question(limited: FastAPI, proxied: httpx.AsyncClient, redis: Redis):
    tokens = limited.state.resources.tokens
    token = tokens.issue(uuid4())
    key = f"revoked:{tokens.verify(token).token_id}"
    redis.revoked.add(key)
    answer = await proxied.get("/api/users/me", headers={**for_("203.0.113.9"), "Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert redis.asked == [(key, ["limit:api:203.0.113.9"])]


async def test_a_token_changes_nobodys_limit_and_a_forged_one_is_not_asked_about(
    limited: FastAPI, proxied: httpx.AsyncClient, redis: Redis
):
    claims = {"sub": str(uuid4()), "jti": str(UUID(int=7)), "iat": 0, "exp": int(time.time()) + 60}
    forged = jwt.encode({**claims, "iss": "nuggetwise-api", "aud": "nuggetwise"}, "x" * 32, "HS256")
    genuine = [limited.state.resources.tokens.issue(uuid4()) for _ in range(2)]
    for token in (forged, *genuine):
        await proxied.get("/api/nothing", headers={**for_("203.0.113.9"), "Authorization": f"Bearer {token}"})
    assert redis.counts == {"limit:api:203.0.113.9": 3}
    assert redis.asked[0][0] == "revoked:"


async def test_without_the_cache_a_replica_counts_by_itself(proxied: httpx.AsyncClient):
    for _ in range(API):
        assert (await proxied.get("/api/nothing", headers=for_("2001:db8::1"))).status_code == 404
    answer = await proxied.get("/api/nothing", headers=for_("2001:db8::2"))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "900"
    assert (await proxied.get("/api/nothing", headers=for_("2001:db8:0:1::1"))).status_code == 404


async def test_after_a_failure_no_request_waits_for_the_cache_until_it_is_back(monkeypatch: pytest.MonkeyPatch):
    up = False
    asked = 0

    async def script(*_: object) -> list[int]:
        nonlocal asked
        asked += 1
        if not up:
            raise TimeoutError
        return [0, 1, 1000]

    async def ping(_command: str) -> bytes:
        if not up:
            raise TimeoutError
        return b"PONG"

    monkeypatch.setattr(cache_module, "_ASK_AGAIN", 0.01)
    cache = Cache("redis://127.0.0.1:1")
    monkeypatch.setattr(cache, "_check_and_count", script)
    monkeypatch.setattr(cache._redis, "execute_command", ping)  # pyright: ignore[reportPrivateUsage]
    for _ in range(10):
        with pytest.raises(CacheUnavailable):
            await cache.check_and_count("k", ["a"], seconds=1)
    await asyncio.sleep(0.05)
    assert asked == 1
    up = True
    await asyncio.sleep(0.05)
    assert await cache.check_and_count("k", ["a"], seconds=1) == (False, [(1, 1000)])
    await cache.close()


async def test_every_limited_route_says_that_it_may_answer_429(limited: FastAPI, proxied: httpx.AsyncClient):
    paths = (await proxied.get("/api/openapi.json")).json()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            limits = POLICIES.of(method.upper(), path).limits
            assert ("429" in operation["responses"]) >= bool(limits), f"{method} {path}"
    told = paths["/api/installations"]["get"]["responses"]["429"]
    assert set(told["headers"]) == {"Retry-After", "RateLimit", "RateLimit-Policy"}
    assert "429" not in paths["/api/health/live"]["get"]["responses"]


def test_the_window_is_fifteen_minutes():
    assert rate_limit.WINDOW == 15 * 60
