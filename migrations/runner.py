"""Applying what is pending: one revision at a time, one transaction each."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from migrations.autovacuum import send_away
from migrations.connection import Connection, connect
from migrations.errors import MigrationError
from migrations.failure import Failure
from migrations.history import History
from migrations.lock import only_runner
from migrations.log import log
from migrations.revisions import Revision
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch

# About a minute and a half in all.
ATTEMPTS = 20
BACKOFF_SECONDS, LONGEST_BACKOFF = 1.0, 5.0


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
    with only_runner(settings, settings.owner) as holder:
        # Read again: whoever had the lock may have done it all.
        with stopwatch.running():
            history = History.read(holder)
        pending = history.pending(revisions)
        if not pending:
            return _nothing_pending(history, revisions, stopwatch)
        for revision in pending:
            _apply(settings, revisions, revision, holder, stopwatch)
    return Report(pending[-1].id, [revision.id for revision in pending], stopwatch.ms)


def _nothing_pending(history: History, revisions: Sequence[Revision], stopwatch: Stopwatch) -> Report:
    if history.is_newer_than(revisions):
        log(f"the database is at {history.revision}, past this release's {revisions[-1].id}: left as it is")
    else:
        log(f"nothing pending at {history.revision}")
    return Report(history.revision, [], stopwatch.ms)


def _apply(
    settings: Settings, revisions: Sequence[Revision], revision: Revision, holder: Connection, stopwatch: Stopwatch
) -> None:
    # Imported late, so that a run with nothing to do is over before Alembic and SQLAlchemy are loaded.
    from migrations.attempt import attempt

    title = f"{revision.id} {revision.name} …"
    for number in range(1, ATTEMPTS + 1):
        started = time.monotonic()
        try:
            with stopwatch.running():
                attempt(settings, revisions, revision, holder)
        except Failure as failure:
            if not failure.is_transient or number == ATTEMPTS:
                raise MigrationError(f"{revision.path.name} {failure}") from failure
            log(f"{title} a lock was not free, attempt {number} of {ATTEMPTS}{failure.in_the_way}")
            if failure.blockers.vacuumed:
                send_away(holder, *failure.blockers.vacuumed)
            else:
                time.sleep(min(BACKOFF_SECONDS * 2 ** (number - 1), LONGEST_BACKOFF))
        else:
            log(f"{title} {(time.monotonic() - started) * 1000:.0f} ms")
            return
