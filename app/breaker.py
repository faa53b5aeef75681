"""A circuit breaker: whoever fails again and again is left alone for a while."""

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

_FAILURES: Final = 5  # in a row
_REST: Final = 15.0  # seconds


class Open(Exception):
    """Not asked: it failed too often; worth trying again after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"open for another {retry_after} s")
        self.retry_after = retry_after


class Breaker:
    """Closed, it lets every call through; after five failures in a row it opens; after 15 s one call may probe.

    The probe's success closes it, its failure opens it again. One per process: no replica waits for another's word.
    """

    def __init__(self, *failures: type[Exception]) -> None:
        """`failures` are the errors that count against whoever is asked; after any other it has answered."""
        self._counts = failures
        self._failed = 0
        self._open_until = 0.0

    def check(self) -> None:
        """Raises Open while calls would be refused."""
        remaining = self._open_until - time.monotonic()
        if remaining > 0:
            raise Open(math.ceil(remaining))

    @contextmanager
    def watch(self) -> Generator[None]:
        """Around one call.

        Raises Open instead of letting it happen.
        """
        self.check()
        if self._failed >= _FAILURES:
            # The probe: whoever comes while it is under way finds the breaker open.
            self._open_until = time.monotonic() + _REST
        try:
            yield
        except self._counts:
            self._failed += 1
            if self._failed >= _FAILURES:
                self._open_until = time.monotonic() + _REST
            raise
        except Exception:
            self._close()
            raise
        self._close()

    def _close(self) -> None:
        self._failed = 0
        self._open_until = 0.0
