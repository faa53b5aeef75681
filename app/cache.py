"""Redis (Valkey): answers fast or not at all; nothing lives there alone."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger("app.cache")

_TIMEOUT: Final = 0.5  # seconds, to connect and to answer: in one network it is less than 1 ms
_CONNECTIONS: Final = 20
_ASK_AGAIN: Final = 1.0  # seconds from a failure to the next try; until one succeeds, requests do without
_FAILURES: Final = (RedisError, OSError, TimeoutError)

# A counter never stays without an end, whatever else touched it; the clock is the server's.
_CHECK_AND_COUNT: Final = """
local answer = {redis.call('EXISTS', KEYS[1])}
for i = 2, #KEYS do
  local count = redis.call('INCR', KEYS[i])
  local left = redis.call('PTTL', KEYS[i])
  if left < 0 then
    left = tonumber(ARGV[1])
    redis.call('PEXPIRE', KEYS[i], left)
  end
  answer[2 * i - 2] = count
  answer[2 * i - 1] = left
end
return answer
"""


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
            driver_info=None,
        )
        self._redis = Redis.from_pool(pool)
        self._check_and_count = self._redis.register_script(_CHECK_AND_COUNT)
        self._return: asyncio.Task[None] | None = None
        self.errors = 0
        self.available = False
        """Whether it gave its last answer; False before the first."""

    async def ping(self) -> None:
        """Asks whether the cache is there, even just after a failure.

        Raises CacheUnavailable.
        """
        await self._ask(self._redis.execute_command("PING"))

    async def get(self, key: str) -> bytes | None:
        """The value of a key.

        Raises CacheUnavailable.
        """
        self._refuse_while_away()
        value: bytes | None = await self._ask(self._redis.execute_command("GET", key))
        return value

    async def set(self, key: str, value: bytes, *, seconds: int) -> None:
        """Keeps a value for at most so many seconds.

        Raises CacheUnavailable.
        """
        self._refuse_while_away()
        await self._ask(self._redis.execute_command("SET", key, value, "EX", seconds))

    async def check_and_count(
        self, key: str, counters: Sequence[str], *, seconds: int
    ) -> tuple[bool, list[tuple[int, int]]]:
        """Whether a key is there, and each counter after adding one to it with the milliseconds until it ends.

        A counter ends `seconds` after its first count. All in one round trip. Raises CacheUnavailable.
        """
        self._refuse_while_away()
        found, *numbers = await self._ask(self._check_and_count([key, *counters], [seconds * 1000]))
        return bool(found), list(zip(numbers[::2], numbers[1::2], strict=True))

    async def close(self) -> None:
        """Closes every connection."""
        if self._return:
            self._return.cancel()
        await self._redis.aclose()

    @property
    def _away(self) -> bool:
        """From a failure until it answers again."""
        return self._return is not None and not self._return.done()

    def _refuse_while_away(self) -> None:
        if self._away:
            raise CacheUnavailable("failed, and is not back yet")

    async def _ask(self, answer: Awaitable[Any]) -> Any:
        try:
            given = await answer
        except _FAILURES as error:
            self.errors += 1
            self.available = False
            if not self._away:
                self._return = asyncio.create_task(self._wait_for_return())
            logger.warning("cache unavailable", extra={"error": f"{type(error).__name__}: {error}"})
            raise CacheUnavailable(type(error).__name__) from error
        self.available = True
        return given

    async def _wait_for_return(self) -> None:
        """Asks in the background, so that no request waits for a cache that hangs."""
        while True:
            await asyncio.sleep(_ASK_AGAIN)
            with suppress(*_FAILURES):
                await self._redis.execute_command("PING")
                self.available = True
                return
