"""How long the database was kept busy."""

import time
from collections.abc import Generator
from contextlib import contextmanager


class Stopwatch:
    """Adds up the time of what runs under it."""

    def __init__(self) -> None:
        self._seconds: float = 0.0

    @property
    def ms(self) -> int:
        return round(self._seconds * 1000)

    @contextmanager
    def running(self) -> Generator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds += time.monotonic() - started
