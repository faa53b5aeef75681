"""Why an attempt at a revision failed, in words that name the statement, its error and whoever was in the way."""

import re

import psycopg

from migrations.blockers import Blockers
from migrations.connection import TIMEOUTS

LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"
# Data exception and integrity violation: what these say quotes rows, and so people's data.
DATA, INTEGRITY = "22", "23"
LONGEST_STATEMENT = 300

HINTS = {
    "25001": (
        "It cannot run inside a transaction: build indexes with migrations.indexes; anything else needs an "
        "autocommit_block, and a string of its own, since several statements in one string are one transaction"
    ),
    "25P01": "It needs a transaction: take it out of the autocommit_block",
    "53100": "The server has no room on its disk: make room or enlarge the disk, and run again",
    LOCK_NOT_AVAILABLE: "End who is in the way with SELECT pg_terminate_backend(pid), or wait for it, and run again",
    "57014": (
        f"Nothing may take longer than statement_timeout ({TIMEOUTS['statement_timeout']}): change many rows with "
        "migrations.backfill, and look for what it waited for"
    ),
}


class Failure(Exception):
    """A statement of a revision failed; `blockers` is what it was last seen waiting for."""

    def __init__(self, error: psycopg.Error, statement: str | None, blockers: Blockers) -> None:
        super().__init__(error, statement, blockers)
        self.blockers = blockers
        self._error = error
        self._statement = " ".join((statement or "").split())

    @property
    def is_transient(self) -> bool:
        """Whether trying again may help, since it was about somebody else's locks."""
        return self._error.sqlstate in (LOCK_NOT_AVAILABLE, DEADLOCK)

    @property
    def in_the_way(self) -> str:
        return f"; in the way: {', '.join(self.blockers)}" if self.blockers else ""

    def __str__(self) -> str:
        lines = [f"failed ({self._error.sqlstate or 'connection lost'}): {self._message}{self.in_the_way}"]
        if self._statement:
            shown = self._statement[:LONGEST_STATEMENT]
            lines.append(f"  statement: {shown}{'…' if shown != self._statement else ''}")
        if hint := HINTS.get(self._error.sqlstate or ""):
            lines.append(f"  {hint}")
        return "\n".join(lines)

    @property
    def _message(self) -> str:
        told = self._error.diag
        if told.message_primary is None:  # the client's own words, such as on a connection that broke
            return str(self._error).strip()
        kind = (told.sqlstate or "")[:2]
        primary = re.sub('".*"', '"…"', told.message_primary) if kind == DATA else told.message_primary
        parts = (primary, None if kind in (DATA, INTEGRITY) else told.message_detail, told.message_hint)
        return ". ".join(part.rstrip(".") for part in parts if part)
