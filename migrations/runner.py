"""Applying what is pending: one revision at a time, one transaction each."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from migrations.connection import connect
from migrations.errors import MigrationError
from migrations.history import History
from migrations.lock import only_runner
from migrations.log import log
from migrations.revisions import Revision
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch

ATTEMPTS = 5
BACKOFF_SECONDS = 1.0
LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True)
class Report:
    """What a run did; its JSON is the last line that the command prints."""

    schema_revision: str | None
    applied: list[str]
    database_ms: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def upgrade(settings: Settings, revisions: Sequence[Revision], stopwatch: Stopwatch) -> Report:
    """Bring the database to the newest revision."""
    with (
        stopwatch.running(),
        connect(settings.owner, release=settings.release, autocommit=True) as connection,
    ):
        history = History.read(connection)
    if not history.pending(revisions):
        return _nothing_pending(history, revisions, stopwatch)
    with only_runner(settings, settings.owner) as connection:
        # Read again: whoever had the lock may have done it all.
        with stopwatch.running():
            history = History.read(connection)
        pending = history.pending(revisions)
        if not pending:
            return _nothing_pending(history, revisions, stopwatch)
        for revision in pending:
            _apply(settings, revisions, revision, stopwatch)
    return Report(pending[-1].id, [revision.id for revision in pending], stopwatch.ms)


def _nothing_pending(history: History, revisions: Sequence[Revision], stopwatch: Stopwatch) -> Report:
    if history.is_newer_than(revisions):
        log(f"the database is at {history.revision}, past this release's {revisions[-1].id}: left as it is")
    else:
        log(f"nothing pending at {history.revision}")
    return Report(history.revision, [], stopwatch.ms)


def _apply(settings: Settings, revisions: Sequence[Revision], revision: Revision, stopwatch: Stopwatch) -> None:
    # Imported late, so that a run with nothing to do is over before these are loaded.
    from sqlalchemy.exc import DBAPIError

    from migrations.attempt import attempt

    for number in range(1, ATTEMPTS + 1):
        started = time.monotonic()
        try:
            with stopwatch.running():
                attempt(settings, revisions, revision)
        except DBAPIError as error:
            sqlstate = getattr(error.orig, "sqlstate", None)
            if sqlstate != LOCK_NOT_AVAILABLE or number == ATTEMPTS:
                raise MigrationError(f"{revision.path.name} failed ({sqlstate}): {error.orig}") from error
            log(f"{revision.id} {revision.name} … a lock was not free, attempt {number} of {ATTEMPTS}")
            time.sleep(BACKOFF_SECONDS * 2 ** (number - 1))
        else:
            log(f"{revision.id} {revision.name} … {(time.monotonic() - started) * 1000:.0f} ms")
            return
