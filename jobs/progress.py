"""How far long work has come: a line every few seconds."""

import time
from dataclasses import dataclass, field
from typing import Final

from migrations.log import log

EVERY_SECONDS: Final = 5.0


@dataclass
class Progress:
    """Counts up to `total`, or without an end. `unit` is "B" for bytes, or what is counted."""

    what: str
    unit: str
    total: int | None = None
    done: int = field(default=0, init=False)
    _told: float = field(default_factory=time.monotonic, init=False)

    def add(self, amount: int = 1) -> None:
        self.done += amount
        if time.monotonic() - self._told >= EVERY_SECONDS:
            self._told = time.monotonic()
            log(str(self))

    def __str__(self) -> str:
        if not self.total:
            return f"{self.what} … {self._amount(self.done)}"
        return (
            f"{self.what} … {100 * self.done // self.total} % ({self._amount(self.done)} of {self._amount(self.total)})"
        )

    def _amount(self, number: int) -> str:
        return f"{number / 2**20:,.1f} MiB" if self.unit == "B" else f"{number:,} {self.unit}"
