"""`make backup` and `make backups`, and how a job is run where the ops image is."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra import labels
from ops import backup, job, leftovers
from ops.errors import OperatorError
from ops.job import Ended, Line

GOOD: Line = {
    "id": "20261124T041500Z-1a2b",
    "created_at": "2026-11-24T04:15:03+00:00",
    "bytes": 13_430_000,
    "rows": 1234567,
    "schema_revision": "0024",
    "state": "good",
    "superseded": False,
    "release": "0.1.0+abc",
}
BROKEN: Line = {
    "id": "20261123T041500Z-9f9f",
    "created_at": "2026-11-23T04:15:00+00:00",
    "bytes": None,
    "rows": None,
    "schema_revision": None,
    "state": "broken: no manifest",
    "superseded": True,
    "release": None,
}


class Jobs:
    """Answers each command with the same."""

    def __init__(self, code: int, *lines: Line) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._ended = Ended(code, list(lines))

    def run(self, *arguments: str, as_administrator: bool = False) -> Ended:
        assert not as_administrator
        self.asked.append(arguments)
        return self._ended


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Jobs], Jobs]:
    """Makes these the jobs of the stack dev."""

    def put(these: Jobs) -> Jobs:
        def found(_settings: object) -> Jobs:
            return these

        monkeypatch.setattr(job, "of", found)
        return these

    return put


def test_the_table_is_newest_first(jobs: Callable[[Jobs], Jobs], capsys: pytest.CaptureFixture[str]) -> None:
    jobs(Jobs(0, BROKEN, GOOD))
    assert backup.backups("dev") == 0
    assert capsys.readouterr().out.splitlines() == [
        "ID                     WHEN (UTC)           SIZE     ROWS       REVISION  STATE",
        "20261124T041500Z-1a2b  2026-11-24 04:15:03  13.4 MB  1,234,567  0024      good",
        "20261123T041500Z-9f9f  2026-11-23 04:15:00  -        -          -         broken: no manifest, superseded",
    ]


def test_without_backups_the_table_says_how_to_make_one(
    jobs: Callable[[Jobs], Jobs], capsys: pytest.CaptureFixture[str]
) -> None:
    jobs(Jobs(0))
    assert backup.backups("dev") == 0
    assert capsys.readouterr().err == "stack dev has no backups yet; make one: make backup STACK=dev\n"


def test_a_list_that_cannot_be_had_is_no_empty_list(jobs: Callable[[Jobs], Jobs]) -> None:
    jobs(Jobs(1))
    with pytest.raises(OperatorError, match="`backups` failed with exit code 1"):
        backup.backups("dev")


def test_a_backup_that_counts_is_named(jobs: Callable[[Jobs], Jobs], capsys: pytest.CaptureFixture[str]) -> None:
    these = jobs(
        Jobs(0, {"action": "verified", "id": "new"}, {"action": "superseded", "id": "old"}),
    )
    assert backup.backup("dev") == 0
    assert these.asked == [("backup",)]
    assert capsys.readouterr().out == "backup new of dev is good: it was restored and compared\n"


@pytest.mark.parametrize("code", [1, 2, 137])
def test_a_backup_that_fails_has_the_jobs_exit_code(
    jobs: Callable[[Jobs], Jobs], capsys: pytest.CaptureFixture[str], code: int
) -> None:
    jobs(Jobs(code, {"action": "dumped", "id": "new"}))
    assert backup.backup("dev") == code
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000_000, "2.5 GB"), (10**15, "1000.0 TB")],
)
def test_sizes_are_for_people(count: int, shown: str) -> None:
    assert backup.size(count) == shown


def container(component: str, *environment: str) -> Any:
    return SimpleNamespace(
        name=f"{component}-1",
        status="running",
        labels={labels.COMPONENT: component},
        attrs={"Config": {"Env": list(environment)}},
    )


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., job.ContainerJobs]:
    """A dev stack of these containers, and a `docker` that writes down what it is called with, then runs a script."""

    def make(*containers: Any, script: str = "exit 0") -> job.ContainerJobs:
        docker = tmp_path / "bin" / "docker"
        docker.parent.mkdir(exist_ok=True)
        docker.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/argv\nenv > {tmp_path}/env\n{script}\n')
        docker.chmod(0o755)
        monkeypatch.setenv("PATH", f"{docker.parent}:{os.environ['PATH']}")

        def find(_client: object, _stack: str) -> leftovers.Found:
            return leftovers.Found(list(containers), [], [])

        monkeypatch.setattr(leftovers, "find", find)
        return job.ContainerJobs(cast("Any", None), "dev")

    return make


OPS, DATABASE = container("ops"), container("database", "POSTGRES_PASSWORD=s3cret", "PATH=/bin")


def test_what_a_job_says_is_shown_and_what_it_prints_is_kept(
    dev: Callable[..., job.ContainerJobs], capfd: pytest.CaptureFixture[str]
) -> None:
    said = "\n".join(["echo working >&2", f"echo '{json.dumps(GOOD)}'", "echo no json", "echo 7", "exit 3"])
    assert dev(OPS, script=said).run("backups") == Ended(3, [GOOD])
    assert capfd.readouterr().err.splitlines() == ["working", "no json", "7"]


def test_only_who_needs_the_administrator_is_given_it_and_never_on_a_command_line(
    dev: Callable[..., job.ContainerJobs], tmp_path: Path
) -> None:
    jobs = dev(OPS, DATABASE)
    jobs.run("restore", "latest", as_administrator=True)
    called = (tmp_path / "argv").read_text().splitlines()
    assert called[:5] == ["exec", "--interactive", "--env", "ADMIN_DATABASE_URL", "ops-1"]
    assert called[-5:] == ["python3", "-m", "jobs", "restore", "latest"]
    assert "s3cret" not in (tmp_path / "argv").read_text()
    assert "ADMIN_DATABASE_URL=postgresql://postgres:s3cret@database:5432/postgres" in (tmp_path / "env").read_text()
    jobs.run("backups")
    assert "s3cret" not in (tmp_path / "env").read_text()
    assert "ADMIN_DATABASE_URL" not in (tmp_path / "argv").read_text()


def test_of_a_database_elsewhere_the_operator_names_the_administrator(
    dev: Callable[..., job.ContainerJobs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ADMIN_DATABASE_URL", raising=False)
    jobs = dev(OPS)
    with pytest.raises(OperatorError, match=r"lives elsewhere.*ADMIN_DATABASE_URL=postgresql://… make restore"):
        jobs.run("restore", "latest", as_administrator=True)
    monkeypatch.setenv("ADMIN_DATABASE_URL", "postgresql://admin@elsewhere/postgres")
    assert jobs.run("restore", "latest", as_administrator=True).code == 0
    assert "ADMIN_DATABASE_URL=postgresql://admin@elsewhere/postgres" in (tmp_path / "env").read_text()


def test_a_stack_whose_ops_container_does_not_run_is_told(dev: Callable[..., job.ContainerJobs]) -> None:
    with pytest.raises(OperatorError, match="stack dev has no running ops; `make up STACK=dev`"):
        dev(DATABASE)


def while_asked(*command: str) -> subprocess.Popen[str]:
    """What runs in the container, here."""
    return subprocess.Popen(
        ["sh", "-c", job.WHILE_ASKED, "sh", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("code", [0, 1, 2])
def test_in_the_container_a_job_ends_with_its_own_exit_code(code: int) -> None:
    with while_asked("sh", "-c", f"echo said; exit {code}") as process:
        assert process.stdout
        assert process.stdout.read() == "said\n"
        assert process.wait(timeout=5) == code


def test_in_the_container_a_job_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    done = tmp_path / "done"
    with while_asked("sh", "-c", f"trap 'echo ended > {done}; exit 1' TERM; echo begun; sleep 60 & wait") as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "begun\n"
        process.stdin.close()
        assert process.wait(timeout=5) == 1
    assert done.read_text() == "ended\n"


def test_a_job_that_nobody_asked_to_end_goes_on() -> None:
    with while_asked("sleep", "60") as process:
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
