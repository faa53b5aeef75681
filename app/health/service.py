"""Asking everything at once, each within its time."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Final

from app.cache import Cache, CacheUnavailable
from app.database import Database
from app.health.schemas import Health, OverallStatus, ServiceHealth, Services
from app.problems import Unavailable
from app.resources import Resources

_BUDGET: Final = 2.0  # seconds


async def health(here: Resources) -> Health:
    """The state of every dependency."""
    database, redis, stripe, v0 = await asyncio.gather(
        timed(here.database.ping(_BUDGET)),
        timed(here.cache.ping()),
        here.upstreams.stripe.health(),
        here.upstreams.v0.health(),
    )
    services = Services(database=database, redis=redis, stripe=stripe, v0=v0)
    return Health(
        status=overall(services),
        timestamp=datetime.now(UTC),
        version=here.settings.app_version,
        environment=here.settings.environment,
        services=services,
    )


def overall(services: Services) -> OverallStatus:
    """Without database or cache there is no service; without Stripe or v0 there is less of it."""
    if "unhealthy" in (services.database.status, services.redis.status):
        return "unhealthy"
    if "unhealthy" in (services.stripe.status, services.v0.status):
        return "degraded"
    return "healthy"


async def timed(check: Awaitable[None]) -> ServiceHealth:
    """How a check went, and how long it took."""
    started = time.perf_counter()
    try:
        await check
    except (Unavailable, CacheUnavailable):
        status = "unhealthy"
    else:
        status = "healthy"
    return ServiceHealth(status=status, latency_ms=round((time.perf_counter() - started) * 1000, 1))


async def missing(database: Database, cache: Cache, schema_head: str) -> list[str]:
    """What cannot be seen right now of the things that this release needs."""
    schema, redis = await asyncio.gather(_schema(database, schema_head), timed(cache.ping()))
    return [*schema, *(["cache"] if redis.status == "unhealthy" else [])]


async def _schema(database: Database, head: str) -> list[str]:
    try:
        # Revisions are numbers of the same width, so they compare as text. A newer schema serves older code too.
        return [] if await database.schema_revision(_BUDGET) >= head else ["schema"]
    except Unavailable:
        return ["database"]
