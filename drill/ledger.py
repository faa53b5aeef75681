"""Somebody who writes all along, and keeps a ledger of what was acknowledged."""

import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

WRITERS: Final = 4
PAUSE: Final = 0.15  # seconds between two writes of one writer
PATIENCE: Final = 5.0  # seconds after which a write counts as failed
FEATURE: Final = "drill"


@dataclass
class Ledger:
    """What the API at `url` said it had written: each number, and when it said so (monotonic seconds)."""

    url: str
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@drill.example")
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    acknowledged: dict[int, float] = field(default_factory=dict[int, float])
    failed: int = 0
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def register(self) -> None:
        """Becomes a user. Raises httpx.HTTPError when that fails."""
        self._account("register").raise_for_status()

    def run(self) -> None:
        """Writes until `end`, whatever becomes of it."""
        token = ""
        with httpx.Client(base_url=self.url, timeout=PATIENCE) as client:
            while not self._over.wait(PAUSE):
                number = self._number()
                row = {"feature": FEATURE, "metadata": {"number": number}}
                try:
                    token = token or self._account("login").json().get("access_token", "")
                    answer = client.post("/api/usage", json=row, headers={"Authorization": f"Bearer {token}"})
                except (httpx.HTTPError, ValueError):
                    self.failed += 1
                    continue
                if answer.status_code == 201:
                    self.acknowledged[number] = time.monotonic()
                else:
                    self.failed += 1
                if answer.status_code == 401:
                    token = ""  # a stack that was rebuilt without its state has other keys

    def end(self) -> None:
        self._over.set()

    def _number(self) -> int:
        with self._lock:
            self._next += 1
            return self._next

    def _account(self, what: str) -> httpx.Response:
        return httpx.post(
            f"{self.url}/api/auth/{what}", json={"email": self.email, "password": self.password}, timeout=PATIENCE
        )


@contextmanager
def kept(ledger: Ledger) -> Generator[None]:
    """Writes go on while this is held."""
    writers = [threading.Thread(target=ledger.run, daemon=True) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        ledger.end()
        for writer in writers:
            writer.join()


@dataclass(frozen=True)
class Loss:
    """Acknowledged writes that are gone. `seconds` is how far back they reach from the failure: the recovery point."""

    writes: int
    seconds: float


def loss(acknowledged: dict[int, float], present: set[int], broken: float) -> Loss:
    """What was lost of what had been acknowledged. `broken` is when the failure began (monotonic seconds).

    >>> loss({1: 10.0, 2: 11.0, 3: 12.5}, {1}, 13.0)
    Loss(writes=2, seconds=2.0)
    """
    lost = [moment for number, moment in acknowledged.items() if number not in present]
    return Loss(len(lost), max(0.0, broken - min(lost)) if lost else 0.0)
