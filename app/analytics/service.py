"""Sums of usage, from the cache when it has them."""

from contextlib import suppress
from typing import Final, Literal

from app.analytics import repository
from app.analytics.schemas import Analytics
from app.cache import Cache, CacheUnavailable
from app.database import Database
from app.tokens import Principal

_KEPT: Final = 300  # seconds
# The features are the caller's own words: nobody fills the cache with them.
_MAX_KEPT: Final = 256 * 1024  # bytes

Source = Literal["hit", "miss"]


async def analytics(database: Database, cache: Cache, caller: Principal) -> tuple[bytes, Source]:
    """The caller's sums as JSON, at most five minutes old, and whether the cache had them.

    A cache that fails costs time, nothing else.
    """
    # The id of the user, which no caller can choose, keeps one person's sums from another.
    key = f"analytics:{caller.user_id}"
    try:
        kept = await cache.get(key)
    except CacheUnavailable:
        kept = None
    if kept is not None:
        await repository.check_token(database, caller)
        return kept, "hit"
    document = Analytics(items=await repository.counts(database, caller)).model_dump_json().encode()
    if len(document) <= _MAX_KEPT:
        with suppress(CacheUnavailable):
            await cache.set(key, document, seconds=_KEPT)
    return document, "miss"
