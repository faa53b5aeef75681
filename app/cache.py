"""Redis (Valkey): answers fast or not at all; nothing lives there alone."""

import logging
import time
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger("app.cache")

_TIMEOUT: Final = 0.5  # seconds, to connect and to answer: in one network it is less than 1 ms
_CONNECTIONS: Final = 20
_LEAVE_ALONE: Final = 1.0  # seconds without asking after a failure, else a dead cache would slow every request

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
        self._left_alone_until = 0.0

    async def ping(self) -> None:
        """Asks whether the cache is there, even just after a failure.

        Raises CacheUnavailable.
        """
        await self._ask(self._redis.execute_command("PING"))

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

    async def check_and_count(
        self, key: str, counters: Sequence[str], *, seconds: int
    ) -> tuple[bool, list[tuple[int, int]]]:
        """Whether a key is there, and each counter after adding one to it with the milliseconds until it ends.

        A counter ends `seconds` after its first count. All in one round trip. Raises CacheUnavailable.
        """
        self._refuse_while_left_alone()
        found, *numbers = await self._ask(self._check_and_count([key, *counters], [seconds * 1000]))
        return bool(found), list(zip(numbers[::2], numbers[1::2], strict=True))

    async def close(self) -> None:
        """Closes every connection."""
        await self._redis.aclose()

    def _refuse_while_left_alone(self) -> None:
        if not self._left_alone_until:
            return
        now = time.monotonic()
        if now < self._left_alone_until:
            raise CacheUnavailable("failed less than a second ago")
        # Whoever comes first tries again; nobody else waits for what may hang.
        self._left_alone_until = now + _LEAVE_ALONE

    async def _ask(self, answer: Awaitable[Any]) -> Any:
        try:
            given = await answer
        except (RedisError, OSError, TimeoutError) as error:
            self._left_alone_until = time.monotonic() + _LEAVE_ALONE
            logger.warning("cache unavailable", extra={"error": f"{type(error).__name__}: {error}"})
            raise CacheUnavailable(type(error).__name__) from error
        self._left_alone_until = 0.0
        return given
