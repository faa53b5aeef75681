"""When which job is due: pure functions of the time (UTC)."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

SUNDAY: Final = 6


@dataclass(frozen=True)
class Job:
    """A command, the time of day at which it begins, and its day of the week if it has one (0: Monday)."""

    name: str
    at: time
    weekday: int | None = None

    @property
    def every(self) -> timedelta:
        return timedelta(days=1 if self.weekday is None else 7)


# As AWS starts them (infra/schedule/job.py). Upkeep comes before the backup, whose dump would hold it up.
JOBS: Final = (
    Job("upkeep", time(2, 15)),
    Job("backup", time(4, 15)),
    Job("restore-test", time(6, 15), SUNDAY),
)


def following(job: Job, now: datetime) -> datetime:
    """When a job is due next, after `now`."""
    day = datetime.combine(now.date(), job.at, now.tzinfo)
    while day <= now or job.weekday not in (None, day.weekday()):
        day += timedelta(days=1)
    return day


def overdue(job: Job, last: datetime | None, now: datetime) -> bool:
    """Whether it has not gone well for longer than from one time to the next."""
    return last is None or now - last > job.every
