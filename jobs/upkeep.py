"""The upkeep of usage's partitions: made a year ahead, detached when they are past keeping, kept as an archive.

Safe to interrupt and to repeat. Nobody waits for it for long: a lock is asked for briefly, and again later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from jobs import partitions
from jobs.partitions import Partition
from jobs.patience import Patience
from migrations.connection import Connection
from migrations.errors import MigrationError
from migrations.lock import hold
from migrations.log import log

# "usageupk" in ASCII. Not the migrations' own: this may wait for a long report, which no deployment should.
KEY: Final = 0x757361676575706B
LOCK_WAIT_SECONDS: Final = 60.0

ORPHANS: Final = SQL("DELETE FROM public.{} AS u WHERE NOT EXISTS (SELECT FROM public.users WHERE id = u.user_id)")

Tell = Callable[[Mapping[str, object]], None]


@dataclass
class Upkeep:
    """One run. It tells what it did; what cannot be done is logged and hinders nothing else."""

    patience: Patience
    keep_months: int
    tell: Tell
    failed: bool = field(default=False, init=False)

    def run(self) -> bool:
        """Does what there is to do, and says whether all is well. Raises MigrationError when another one runs on."""
        hold(self._connection, KEY, LOCK_WAIT_SECONDS)
        day = partitions.today(self._connection)
        # First, since without it rows are refused one day.
        for month in partitions.wanted(day):
            self._try(f"the partition of {month:%Y-%m}", lambda month=month: self._make(month))
        self._retire(day)
        self._check(day)
        return not self.failed

    @property
    def _connection(self) -> Connection:
        return self.patience.worker

    def _make(self, month: date) -> None:
        row = self._connection.execute("SELECT public.ensure_usage_partition(%s)", [month]).fetchone()
        if row and row[0]:
            self.tell({"action": "made", "partition": row[0]})

    def _retire(self, day: date) -> None:
        found = partitions.attached(self._connection)
        # Only one at a time can be detaching: what was cut short is finished before the next one begins.
        leaving = [each for each in found if each.detaching]
        leaving += [each for each in partitions.expired(found, day, self.keep_months) if not each.detaching]
        for partition in leaving:
            if not self._try(f"detaching {partition.name}", lambda partition=partition: self._detach(partition)):
                break
        for name in partitions.detached(self._connection):
            if partitions.is_expired(name, day, self.keep_months):
                self._try(f"putting {name} into the archive", lambda name=name: self._archive(name))
            else:
                self._fail(f"public.{name} is no partition of usage: attach it, or give it another name")

    def _detach(self, partition: Partition) -> None:
        # Asked again at each attempt: the one before may have got half-way.
        detaching = {each.name for each in partitions.attached(self._connection) if each.detaching}
        how = SQL("FINALIZE" if partition.name in detaching else "CONCURRENTLY")
        statement = SQL("ALTER TABLE public.usage DETACH PARTITION public.{} {}")
        self._connection.execute(statement.format(Identifier(partition.name), how))
        self.tell({"action": "detached", "partition": partition.name})

    def _archive(self, name: str) -> None:
        kept_as = partitions.archived(name)
        table = Identifier(name)
        with self._connection.transaction():
            # A user who was deleted while the partition was detaching left their rows behind: the cascade goes through
            # usage, which it was no part of any more. No dump of such rows could be restored.
            orphans = self._connection.execute(ORPHANS.format(table)).rowcount
            self._connection.execute(SQL("ALTER TABLE public.{} RENAME TO {}").format(table, Identifier(kept_as)))
        self.tell({"action": "archived", "table": kept_as, "orphans_removed": orphans})

    def _check(self, day: date) -> None:
        until = partitions.covered(partitions.attached(self._connection), day)
        self.tell({"action": "checked", "rows_accepted_until": until.isoformat()})
        if until <= partitions.wanted(day)[-1]:
            self._fail(f"rows of usage from {until:%Y-%m-%d} on would be refused: a partition is missing")

    def _try(self, what: str, do: Callable[[], None]) -> bool:
        try:
            self.patience.attempt(what, do)
        except (MigrationError, psycopg.Error) as error:
            if self._connection.closed:
                raise
            self._fail(f"{what}: {error}")
            return False
        return True

    def _fail(self, why: str) -> None:
        self.failed = True
        log(f"error: {why}")


def drop_archive(patience: Patience, name: str, tell: Tell) -> None:
    """Deletes an archived month for good. Raises MigrationError when there is none of that name."""
    known = partitions.archives(patience.worker)
    if name not in known:
        raise MigrationError(f"there is no archive {name}: there are {', '.join(known) or 'none'}")
    # It shuts everyone out of users for a moment, whose foreign key goes too.
    statement = SQL("DROP TABLE public.{}").format(Identifier(name))
    patience.attempt(f"dropping {name}", lambda: patience.worker.execute(statement))
    tell({"action": "dropped", "table": name})
