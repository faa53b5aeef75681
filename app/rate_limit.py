"""Rate limits: how often one client may ask within a window, and how an answer tells what is left.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from app.client_address import parse_address

WINDOW: Final = 900  # seconds; it begins with a client's first request

_LOCAL_WINDOWS: Final = 20_000  # 6 MB

# Each of these is cheap or asked by machines; what it costs to refuse them would be no less.
_UNLIMITED: Final = frozenset({"/api/health", "/api/metrics"})
_UNLIMITED_BELOW: Final = ("/api/health/", "/api/webhooks/")

HEADERS: Final = {
    "Retry-After": {
        "description": "Seconds until a request would be let through again.",
        "schema": {"type": "integer"},
    },
    "RateLimit-Policy": {
        "description": "The limits that hold here: requests (q) per window (w, in seconds).",
        "schema": {"type": "string", "examples": ['"api";q=100;w=900']},
    },
    "RateLimit": {
        "description": "Requests that are left (r) of each limit, and seconds until its window ends (t).",
        "schema": {"type": "string", "examples": ['"api";r=0;t=42']},
    },
}
"""Of a 429, for its OpenAPI description."""


class Limit(NamedTuple):
    """At most `quota` requests of a client within WINDOW."""

    name: str
    quota: int


class Count(NamedTuple):
    """A client's requests in its window so far, the one at hand included, and the seconds until the window ends."""

    requests: int
    ends_in: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits that hold for a path; an empty one has none."""

    limits: tuple[Limit, ...]
    header: bytes
    """`RateLimit-Policy`."""

    @classmethod
    def of(cls, *limits: Limit) -> "Policy":
        return cls(limits, ", ".join(f'"{name}";q={quota};w={WINDOW}' for name, quota in limits).encode())

    def keys(self, client: str) -> list[str]:
        """What a client's requests are counted under, a key for each limit."""
        bucket = bucket_of(client)
        return [f"limit:{limit.name}:{bucket}" for limit in self.limits]

    def headers(self, counts: Sequence[Count]) -> list[tuple[bytes, bytes]]:
        """`RateLimit` and `RateLimit-Policy` for an answer."""
        left = ", ".join(
            f'"{name}";r={max(quota - count.requests, 0)};t={count.ends_in}'
            for (name, quota), count in zip(self.limits, counts, strict=True)
        )
        return [(b"ratelimit-policy", self.header), (b"ratelimit", left.encode())]

    def retry_after(self, counts: Sequence[Count]) -> int:
        """Seconds until a request would be let through again; 0 when this one is."""
        pairs = zip(self.limits, counts, strict=True)
        return max((count.ends_in for limit, count in pairs if count.requests > limit.quota), default=0)


class Policies:
    """Which limits hold where."""

    def __init__(self, *, api: int, auth: int) -> None:
        self._none = Policy.of()
        self._api = Policy.of(Limit("api", api))
        self._auth = Policy.of(Limit("api", api), Limit("auth", auth))

    def of(self, method: str, path: str) -> Policy:
        """The limits for a request. Browsers ask with OPTIONS whether they may ask, and no route takes it else."""
        if method == "OPTIONS" or path in _UNLIMITED or path.startswith(_UNLIMITED_BELOW):
            return self._none
        if path.startswith("/api/auth/"):
            return self._auth
        return self._api if path.startswith("/api/") else self._none


class LocalCounters:
    """One replica's own counts, for while the cache is away.

    Bounded, so that whoever has many addresses fills no memory: when there are too many, the window that ends first
    goes. All windows are of one length, so the order in which they began is the order in which they end.
    """

    def __init__(self, windows: int = _LOCAL_WINDOWS) -> None:
        self._most = windows
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def count(self, keys: Sequence[str]) -> list[Count]:
        """Counts one request under each key."""
        now = time.monotonic()
        return [self._count(key, now) for key in keys]

    def _count(self, key: str, now: float) -> Count:
        requests, end = self._windows.get(key, (0, 0.0))
        if end <= now:
            self._windows.pop(key, None)
            if len(self._windows) >= self._most:
                self._windows.popitem(last=False)
            requests, end = 0, now + WINDOW
        self._windows[key] = (requests + 1, end)
        return Count(requests + 1, math.ceil(end - now))


@lru_cache(maxsize=4096)
def bucket_of(client: str) -> str:
    """Whom a request counts against: an IPv4 address, or the /64 that an IPv6 host chooses its addresses from."""
    address = parse_address(client)
    if not isinstance(address, ipaddress.IPv6Address):
        return str(address or client)
    return f"{ipaddress.IPv6Address(int(address) >> 64 << 64)}/64"
