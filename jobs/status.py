"""What the loop shows of the backups: from the bucket and the ledger, so also of what was run beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from jobs import catalogue, ledger
from jobs.catalogue import Backup
from jobs.clock import JOBS
from jobs.errors import JobError
from jobs.store import Store
from migrations.log import log

BACKUP: Final = "backup"
RESTORE_TEST: Final = "restore-test"


@dataclass
class Status:
    """What was last read. While the bucket does not answer, what it last said stays, and `reachable` is false."""

    store: Store
    work: Path
    started: datetime
    reachable: bool = field(default=False, init=False)
    backups: list[Backup] = field(default_factory=list[Backup], init=False)

    def refresh(self) -> None:
        """Reads the bucket."""
        try:
            self.backups, self.reachable = catalogue.backups(self.store), True
        except JobError as error:
            self.reachable = False
            log(f"error: {error}")

    @property
    def last_good(self) -> datetime | None:
        """The moment to which the newest good backup goes back."""
        return catalogue.last_good(self.backups)

    def last(self, job: str) -> datetime | None:
        """When a job last went well; of a restore test, when there was first something to test."""
        if job == BACKUP:
            return self.last_good
        if job == RESTORE_TEST:
            first = min((each.created_at for each in self.backups if each.good), default=self.started)
            return catalogue.last_tested(self.backups) or first
        known = ledger.read(self.work).of(job).last_success
        return datetime.fromtimestamp(known, self.started.tzinfo) if known else None

    def exposition(self) -> str:
        """All of it as Prometheus reads it. A time that is not known is 0."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        tallies = ledger.read(self.work)
        yield from _metric("process_start_time_seconds", "gauge", self.started.timestamp())
        yield from _metric("backup_bucket_reachable", "gauge", int(self.reachable))
        yield from _metric("backup_last_good_timestamp_seconds", "gauge", _seconds(self.last_good))
        yield from _metric("backup_failures_total", "counter", tallies.of(BACKUP).failures)
        tested = catalogue.last_tested(self.backups)
        yield from _metric("restore_test_last_timestamp_seconds", "gauge", _seconds(tested))
        yield from _metric("restore_test_failures_total", "counter", tallies.of(RESTORE_TEST).failures)
        yield "# TYPE job_last_success_timestamp_seconds gauge"
        for job in JOBS:
            yield f'job_last_success_timestamp_seconds{{job="{job.name}"}} {tallies.of(job.name).last_success or 0:.3f}'
        yield "# TYPE job_failures_total counter"
        for job in JOBS:
            yield f'job_failures_total{{job="{job.name}"}} {tallies.of(job.name).failures}'


def _metric(name: str, kind: str, value: float) -> tuple[str, str]:
    return f"# TYPE {name} {kind}", f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0
