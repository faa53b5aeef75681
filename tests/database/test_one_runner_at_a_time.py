"""Two runners at once: one works, the other waits, and does not wait for ever."""

import json
import subprocess
import sys
import threading
from dataclasses import replace

import psycopg
import pytest

from migrations.errors import MigrationError
from migrations.lock import only_runner
from migrations.revisions import PACKAGE, revisions
from migrations.runner import Report, upgrade
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch

from .conftest import environment_of

DEPLOY = [sys.executable, "-m", "migrations", "deploy"]


def test_of_two_runners_one_applies_everything_and_the_other_finds_it_done(
    empty: Settings,
) -> None:
    both = [
        subprocess.Popen(DEPLOY, cwd=PACKAGE.parent, env=environment_of(empty), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    reports = [json.loads(process.communicate(timeout=60)[0].splitlines()[-1]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    ids = [revision.id for revision in revisions()]
    assert sorted(report["applied"] for report in reports) == [[], ids]
    assert {report["schema_revision"] for report in reports} == {ids[-1]}


def test_a_waiting_runner_goes_on_when_the_lock_is_free(empty: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    reports: list[Report] = []
    waiting = threading.Thread(target=lambda: reports.append(upgrade(empty, revisions()[:2], Stopwatch())))
    with only_runner(empty, empty.owner):
        waiting.start()
        waiting.join(timeout=1.5)
        assert waiting.is_alive(), "it waits"
    waiting.join(timeout=30)
    assert [report.applied for report in reports] == [["0001", "0002"]]
    assert "waiting for another runner: pid " in capsys.readouterr().err


def test_a_runner_gives_up_waiting_and_says_who_holds_the_lock(empty: Settings) -> None:
    impatient = replace(empty, lock_wait_seconds=0.2)
    with only_runner(empty, empty.owner) as holder:
        pid = holder.info.backend_pid
        holding = (
            rf"kept the lock for 0.2 s: pid {pid} \(nuggetwise-migrations 1.2.3\) of test_owner_\w+ from [\d.]+ since 2"
        )
        with pytest.raises(MigrationError, match=holding):
            upgrade(impatient, revisions(), Stopwatch())


def test_the_holder_keeps_no_transaction_open(empty: Settings) -> None:
    with only_runner(empty, empty.owner) as holder, psycopg.connect(empty.owner.url) as other:
        query = "SELECT state, xact_start FROM pg_stat_activity WHERE pid = %s"
        assert other.execute(query, [holder.info.backend_pid]).fetchone() == ("idle", None)
