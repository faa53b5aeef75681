"""Redis (Valkey): answers fast or not at all; nothing lives there alone."""

import logging
import time
from collections.abc import Awaitable
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger("app.cache")

_TIMEOUT: Final = 0.5  # seconds, to connect and to answer: in one network it is less than 1 ms
_CONNECTIONS: Final = 20
_LEAVE_ALONE: Final = 1.0  # seconds without asking after a failure, else a dead cache would slow every request


class CacheUnavailable(Exception):
    """The cache did not answer: do without."""


class Cache:
    """A few commands with short timeouts, each of which may raise CacheUnavailable."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            lib_name=None,
            lib_version=None,
        )
        self._redis = Redis.from_pool(pool)
        self._left_alone_until = 0.0
        self.errors = 0
        self.available = False
        """Whether it gave its last answer; False before the first."""

    async def ping(self) -> None:
        """Asks whether the cache is there, even just after a failure.

        Raises CacheUnavailable.
        """
        await self._ask(self._redis.execute_command("PING"))
        self._left_alone_until = 0.0

    async def get(self, key: str) -> bytes | None:
        """The value of a key.

        Raises CacheUnavailable.
        """
        self._refuse_while_left_alone()
        value: bytes | None = await self._ask(self._redis.execute_command("GET", key))
        return value

    async def set(self, key: str, value: bytes, *, seconds: int) -> None:
        """Keeps a value for at most so many seconds.

        Raises CacheUnavailable.
        """
        self._refuse_while_left_alone()
        await self._ask(self._redis.execute_command("SET", key, value, "EX", seconds))

    async def close(self) -> None:
        """Closes every connection."""
        await self._redis.aclose()

    def _refuse_while_left_alone(self) -> None:
        if time.monotonic() < self._left_alone_until:
            raise CacheUnavailable("failed less than a second ago")

    async def _ask(self, answer: Awaitable[Any]) -> Any:
        try:
            given = await answer
        except (RedisError, OSError, TimeoutError) as error:
            self.errors += 1
            self.available = False
            self._left_alone_until = time.monotonic() + _LEAVE_ALONE
            logger.warning("cache unavailable", extra={"error": f"{type(error).__name__}: {error}"})
            raise CacheUnavailable(type(error).__name__) from error
        self.available = True
        return given
