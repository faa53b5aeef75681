"""When which job is due."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.schedule import job as cloud
from jobs import clock
from jobs.clock import JOBS, Job, following, overdue
from jobs.serve import Clock
from jobs.status import Status

from .conftest import Kept

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds UTC)
UPKEEP, BACKUP, RESTORE_TEST = JOBS
START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # a Tuesday


@given(st.sampled_from(JOBS), MOMENTS)
def test_it_is_due_at_its_time_of_day_and_week_and_no_time_is_left_out(job: Job, now: datetime) -> None:
    due = following(job, now)
    assert now < due <= now + job.every
    assert due.time() == job.at
    assert job.weekday in (None, due.weekday())


def test_the_times_are_those_of_the_cloud() -> None:
    assert [(job.name, job.at, job.weekday) for job in JOBS] == [
        ("upkeep", time(2, 15), None),
        ("backup", time(4, 15), None),
        ("restore-test", time(6, 15), clock.SUNDAY),
    ]
    ours = {
        job.name: f"cron({job.at.minute} {job.at.hour} {'* * ?' if job.weekday is None else '? * SUN'} *)"
        for job in JOBS
    }
    assert ours == {job.name: job.cron for job in cloud.JOBS}


@pytest.mark.parametrize(("ago", "late"), [(timedelta(hours=23), False), (timedelta(hours=25), True), (None, True)])
def test_a_backup_is_overdue_after_a_day(ago: timedelta | None, late: bool) -> None:
    assert overdue(BACKUP, START - ago if ago else None, START) is late


@pytest.fixture
def status(kept: Kept, tmp_path: Path) -> Status:
    return Status(kept.store, tmp_path, START)


def test_each_job_begins_once_at_its_time(status: Status, tmp_path: Path) -> None:
    ticking = Clock.started(status, tmp_path, START, timedelta(days=99))
    begun: list[tuple[datetime, str]] = []
    now = START
    while now < START + timedelta(days=7):
        begun += [(now, job.name) for job in ticking.ready(now)]
        now += timedelta(minutes=5)
    assert [moment.time() for moment, name in begun if name == "backup"] == [time(4, 15)] * 7
    assert [moment.time() for moment, name in begun if name == "upkeep"] == [time(2, 15)] * 7
    assert [moment for moment, name in begun if name == "restore-test"] == [datetime(2026, 11, 29, 6, 15, tzinfo=UTC)]


def test_half_an_hour_after_the_start_what_is_overdue_runs_and_only_once(status: Status, tmp_path: Path) -> None:
    ticking = Clock.started(status, tmp_path, START)
    assert ticking.ready(START + timedelta(minutes=29)) == []
    # With no backup there is nothing yet that a restore test could be overdue for.
    assert ticking.ready(START + timedelta(minutes=30)) == [UPKEEP, BACKUP]
    assert ticking.ready(START + timedelta(minutes=31)) == []


def test_a_time_that_was_slept_through_is_made_up_for(status: Status, tmp_path: Path) -> None:
    ticking = Clock.started(status, tmp_path, START, timedelta(days=99))
    assert ticking.ready(START + timedelta(days=3)) == [UPKEEP, BACKUP]
    assert ticking.ready(START + timedelta(days=3, minutes=1)) == []
