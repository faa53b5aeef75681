"""Revoked tokens: PostgreSQL knows them all, Redis remembers what it can.

The cache only ever holds "revoked", which stays true until the token would have expired. That something is missing
there says nothing, so losing the cache, or a logout while it is down, opens no door.
"""

import math
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from app.auth import repository
from app.cache import Cache, CacheUnavailable
from app.database import Database
from app.tokens import Principal

NO_KEY: Final = "revoked:"
"""Nothing is ever stored under it."""


def key(principal: Principal) -> str:
    """What the cache keeps a token's revocation under; app/gate.py asks for it."""
    return f"{NO_KEY}{principal.token_id}"


async def revoke(database: Database, cache: Cache, principal: Principal) -> None:
    """Refuses the token from now on, everywhere.

    Raises Unavailable when PostgreSQL could not store it, and Unauthorized when the token is not good (any more).
    """
    async with database.as_user(principal) as connection:
        expires_at = datetime.fromtimestamp(principal.expires_at, UTC)
        await repository.revoke_token(connection, principal.token_id, expires_at)
    remaining = math.ceil(principal.expires_at - time.time())
    if remaining <= 0:
        return
    # PostgreSQL is asked anyway.
    with suppress(CacheUnavailable):
        await cache.set(key(principal), b"1", seconds=remaining)
