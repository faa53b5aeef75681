"""Health: which failure makes what of the whole, and when a process is ready."""

import asyncio
import dataclasses
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from app.cache import CacheUnavailable
from app.health import upstreams
from app.health.schemas import ServiceHealth, Services, ServiceStatus
from app.health.service import overall, timed
from app.health.upstreams import Upstream, Upstreams
from app.problems import Unavailable


class FakeDatabase:
    def __init__(self, *, up: bool = True, revision: str = "9999") -> None:
        self.up = up
        self.revision = revision
        self.asked = 0

    async def ping(self, _budget: float) -> None:
        await self.schema_revision(_budget)

    async def schema_revision(self, _budget: float) -> str:
        self.asked += 1
        if not self.up:
            raise Unavailable("down")
        return self.revision


class FakeCache:
    def __init__(self, *, up: bool = True) -> None:
        self.up = up

    async def ping(self) -> None:
        if not self.up:
            raise CacheUnavailable("down")


class FakeUpstream(Upstream):
    def __init__(self, status: ServiceStatus) -> None:
        super().__init__("http://service.test", configured=True)
        self.status: ServiceStatus = status

    async def health(self) -> ServiceHealth:
        return ServiceHealth(status=self.status, latency_ms=None)


@pytest.fixture
def depend_on(app: FastAPI):
    """Puts fakes in place of what the process depends on."""

    def replace(**fakes: object) -> None:
        app.state.resources = dataclasses.replace(app.state.resources, **fakes)

    replace(database=FakeDatabase(), cache=FakeCache())
    return replace


@pytest.mark.parametrize(
    ("database", "redis", "stripe", "v0", "whole"),
    [
        ("healthy", "healthy", "healthy", "healthy", "healthy"),
        ("healthy", "healthy", "not_configured", "not_configured", "healthy"),
        ("healthy", "healthy", "unhealthy", "healthy", "degraded"),
        ("healthy", "healthy", "not_configured", "unhealthy", "degraded"),
        ("unhealthy", "healthy", "healthy", "healthy", "unhealthy"),
        ("healthy", "unhealthy", "unhealthy", "healthy", "unhealthy"),
    ],
)
def test_the_whole_is_as_well_as_what_it_cannot_do_without(
    database: ServiceStatus, redis: ServiceStatus, stripe: ServiceStatus, v0: ServiceStatus, whole: str
):
    states: dict[str, ServiceStatus] = {"database": database, "redis": redis, "stripe": stripe, "v0": v0}
    services = Services(**{name: ServiceHealth(status=status, latency_ms=1.0) for name, status in states.items()})
    assert overall(services) == whole


async def test_a_failing_check_is_unhealthy_and_timed():
    async def down() -> None:
        raise CacheUnavailable

    health = await timed(down())
    assert health.status == "unhealthy"
    assert health.latency_ms is not None


async def test_health_is_200_with_every_service_and_503_without_database_or_cache(
    client: httpx.AsyncClient, depend_on: Callable[..., None]
):
    response = await client.get("/api/health")
    assert response.status_code == 200
    document = response.json()
    assert set(document) == {"status", "timestamp", "version", "environment", "services"}
    assert document["environment"] == "dev"
    assert {name: service["status"] for name, service in document["services"].items()} == {
        "database": "healthy",
        "redis": "healthy",
        "stripe": "not_configured",
        "v0": "not_configured",
    }
    for broken in ({"database": FakeDatabase(up=False)}, {"database": FakeDatabase(), "cache": FakeCache(up=False)}):
        depend_on(**broken)
        response = await client.get("/api/health")
        assert response.status_code == 503
        assert response.json()["status"] == "unhealthy"


async def test_a_failing_stripe_degrades_and_stays_200(client: httpx.AsyncClient, depend_on: Callable[..., None]):
    depend_on(upstreams=Upstreams(stripe=FakeUpstream("unhealthy"), v0=FakeUpstream("healthy")))
    response = await client.get("/api/health")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"


async def test_live_asks_nobody(client: httpx.AsyncClient, depend_on: Callable[..., None]):
    depend_on(database=None, cache=None)
    assert (await client.get("/api/health/live")).status_code == 200


async def test_ready_waits_for_everything_then_stays_through_an_outage_until_draining(
    app: FastAPI, client: httpx.AsyncClient, depend_on: Callable[..., None]
):
    head = app.state.resources.schema_head

    async def ready() -> httpx.Response:
        return await client.get("/api/health/ready")

    for fakes, missing in (
        ({"database": FakeDatabase(up=False)}, "database"),
        ({"database": FakeDatabase(revision="")}, "schema"),
        ({"database": FakeDatabase(revision="0000")}, "schema"),
        ({"database": FakeDatabase(revision=head), "cache": FakeCache(up=False)}, "cache"),
    ):
        depend_on(**fakes)
        response = await ready()
        assert response.status_code == 503
        assert missing in response.json()["detail"]
    depend_on(database=FakeDatabase(revision=head), cache=FakeCache())
    assert (await ready()).status_code == 200

    down = FakeDatabase(up=False)
    depend_on(database=down, cache=FakeCache(up=False))
    assert (await ready()).status_code == 200
    assert down.asked == 0, "what was seen once is not asked again"

    app.state.resources.lifecycle.draining = True
    assert (await ready()).status_code == 503


async def test_a_service_without_a_key_is_not_asked(monkeypatch: pytest.MonkeyPatch):
    def asked(_url: str) -> bool:
        raise AssertionError("asked")

    monkeypatch.setattr(upstreams, "_answers", asked)
    assert (await Upstream("http://service.test", configured=False).health()).status == "not_configured"


async def test_a_service_is_asked_at_most_once_a_minute_and_in_the_background(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    answer = True

    def answers(url: str) -> bool:
        asked.append(url)
        return answer

    monkeypatch.setattr(upstreams, "_answers", answers)
    upstream = Upstream("http://service.test", configured=True)
    assert [(await upstream.health()).status for _ in range(5)] == ["healthy"] * 5
    assert len(asked) == 1

    answer = False
    upstream._asked_at -= 61  # pyright: ignore[reportPrivateUsage]
    assert (await upstream.health()).status == "healthy", "the last answer, while the next one is on its way"
    for _ in range(200):
        if (await upstream.health()).status == "unhealthy":
            break
        await asyncio.sleep(0.01)
    assert (await upstream.health()).status == "unhealthy"
    assert len(asked) == 2
