"""What Prometheus is told."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import ledger
from jobs.errors import JobError
from jobs.status import Status

from .conftest import Kept, manifest

START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def values(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@pytest.fixture
def status(kept: Kept, tmp_path: Path) -> Status:
    return Status(kept.store, tmp_path, START)


def put(kept: Kept, id: str, moment: datetime, *names: str) -> None:
    kept.store.put(f"{id}/dump.age", b"dump")
    kept.store.put(f"{id}/manifest.json", manifest(id, created_at=moment).to_json())
    for name in names:
        kept.store.put(f"{id}/{name}", b"{}")


def test_what_was_made_beside_the_loop_is_shown_too(kept: Kept, status: Status, tmp_path: Path) -> None:
    status.refresh()
    shown = values(status.exposition())
    assert shown["backup_last_good_timestamp_seconds"] == 0
    assert shown["backup_failures_total"] == shown["restore_test_failures_total"] == 0
    good = START - timedelta(hours=2)
    put(kept, "20261123T230000Z-0000", good, "verified.json", "tested-20261124T000000Z.json")
    put(kept, "20261124T003000Z-0000", START - timedelta(minutes=30))
    ledger.record(tmp_path, "backup", good.timestamp(), well=True)
    ledger.record(tmp_path, "backup", START.timestamp(), well=False)
    ledger.record(tmp_path, "restore-test", START.timestamp(), well=False)
    status.refresh()
    shown = values(status.exposition())
    assert shown["backup_last_good_timestamp_seconds"] == good.timestamp(), "not that of the unverified one"
    assert shown["restore_test_last_timestamp_seconds"] == datetime(2026, 11, 24, tzinfo=UTC).timestamp()
    assert (shown["backup_failures_total"], shown["restore_test_failures_total"]) == (1, 1)
    assert shown['job_last_success_timestamp_seconds{job="backup"}'] == good.timestamp()
    assert shown['job_last_success_timestamp_seconds{job="upkeep"}'] == 0
    assert shown["backup_bucket_reachable"] == 1
    assert (status.last("backup"), status.last("upkeep")) == (good, None)


def test_while_the_bucket_is_away_it_stays_as_it_was(
    kept: Kept, status: Status, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(kept, "20261123T230000Z-0000", START, "verified.json")
    status.refresh()

    def away(under: str = "") -> dict[str, int]:
        raise JobError("the bucket could not be reached")

    monkeypatch.setattr(kept.store, "sizes", away)
    status.refresh()
    shown = values(status.exposition())
    assert shown["backup_last_good_timestamp_seconds"] == START.timestamp()
    assert shown["backup_bucket_reachable"] == 0
    assert "error: the bucket could not be reached" in capsys.readouterr().err


def test_prometheus_reads_it(status: Status) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    families = {family.name: family.type for family in text_string_to_metric_families(status.exposition())}
    assert families["backup_failures"] == "counter"
    assert families["backup_last_good_timestamp_seconds"] == "gauge"


def test_of_many_at_once_no_count_is_lost(tmp_path: Path) -> None:
    def add() -> None:
        for _ in range(20):
            ledger.record(tmp_path, "backup", 1.5, well=False)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.read(tmp_path).of("backup") == ledger.Tally(80, None)


def test_a_ledger_that_cannot_be_kept_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.record(tmp_path / "gone", "backup", 1.0, well=False)
    assert "how backup went could not be recorded" in capsys.readouterr().err
    (tmp_path / ledger.FILE).write_text("{]")
    assert ledger.read(tmp_path).of("backup") == ledger.Tally()
    ledger.record(tmp_path, "backup", 1.0, well=True)
    assert ledger.read(tmp_path).of("backup") == ledger.Tally(0, 1.0)


def test_a_command_that_is_wrongly_set_up_counts_as_failed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs", "backup"],
        check=False,
        env={"PATH": "", "WORK_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: OWNER_DATABASE_URL is not set")
    assert ledger.read(tmp_path).of("backup").failures == 1
