"""Stripe and v0, as seen from here: asked in the background, at most once a minute, and only when there is a key."""

import asyncio
import time
import urllib.error
import urllib.request
from typing import Final

from app.health.schemas import ServiceHealth

_EVERY: Final = 60.0  # seconds
_TIMEOUT: Final = 2.0  # seconds

NOT_CONFIGURED: Final = ServiceHealth(status="not_configured", latency_ms=None)


class Upstream:
    """Somebody else's API: healthy as long as it answers, whatever it says, short of a server error."""

    def __init__(self, url: str, *, configured: bool) -> None:
        self._url = url
        self._configured = configured
        self._last: ServiceHealth | None = None
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def health(self) -> ServiceHealth:
        """What was last seen; only the first caller of all waits for an answer."""
        if not self._configured:
            return NOT_CONFIGURED
        if time.monotonic() - self._asked_at >= _EVERY:
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
        if self._last is None and self._asking is not None:
            await asyncio.wait({self._asking}, timeout=_TIMEOUT)
        return self._last or ServiceHealth(status="unhealthy", latency_ms=None)

    async def _ask(self) -> None:
        started = time.perf_counter()
        answered = await asyncio.to_thread(_answers, self._url)
        latency = round((time.perf_counter() - started) * 1000, 1)
        self._last = ServiceHealth(status="healthy" if answered else "unhealthy", latency_ms=latency)


class Upstreams:
    """Both of them."""

    def __init__(self, *, stripe: Upstream, v0: Upstream) -> None:
        self.stripe = stripe
        self.v0 = v0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_TIMEOUT):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
