"""Programs that a job runs: how they fail, and what of that is told."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.child import Child, ChildFailed, run


def shell(script: str) -> Child:
    return Child(["sh", "-c", script])


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def state(pid: str) -> str:
    """What a process does, in one letter; none when it is gone."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", pid], check=False, capture_output=True, text=True)
    return done.stdout.strip()[:1]


def test_a_failure_is_told_with_its_reason() -> None:
    child = shell("echo 'starting'; echo 'pg_dump: error: connection lost' >&2; echo 'more' >&2; exit 3")
    with pytest.raises(ChildFailed, match=r"^sh failed with exit code 3: pg_dump: error: connection lost$"):
        child.wait()


def test_one_that_is_killed_says_by_which_signal() -> None:
    with pytest.raises(ChildFailed, match=r"^sh was ended by SIGKILL$") as told:
        shell("kill -KILL $$").wait()
    assert told.value.killed


def test_what_quotes_rows_is_not_told() -> None:
    lines = ("ERROR: duplicate key", "DETAIL: Key (email)=(alice@example.com)", "CONTEXT: COPY users, line 1: alice")
    child = shell("".join(f"echo '{line}' >&2; " for line in (*lines, "Command was: INSERT alice")) + "exit 1")
    with pytest.raises(ChildFailed) as told:
        child.wait()
    assert "duplicate key" in str(told.value)
    assert "alice" not in str(told.value)


@pytest.mark.parametrize(
    "said", ["age: error: write dump: no space left on device", "ERROR: could not extend file: No space left on device"]
)
def test_a_full_disk_is_told_from_other_failures(said: str) -> None:
    with pytest.raises(ChildFailed) as told:
        shell(f"echo '{said}' >&2; exit 1").wait()
    assert told.value.disk_is_full
    with pytest.raises(ChildFailed) as other:
        shell("echo 'ERROR: syntax' >&2; exit 1").wait()
    assert not other.value.disk_is_full


def test_more_on_standard_error_than_a_pipe_holds_stops_nothing() -> None:
    lines: list[str] = []
    child = Child(["sh", "-c", "seq 1 100000 >&2"], on_line=lines.append)
    child.wait()
    assert len(lines) == 100_000


def test_ending_it_ends_what_it_has_started(tmp_path: Path) -> None:
    child = shell(f"sleep 300 & echo $! > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait")
    until((tmp_path / "pid").exists)
    child.end(signal.SIGTERM)
    pid = (tmp_path / "pid").read_text().strip()
    until(lambda: state(pid) in ("", "Z"))


def test_its_environment_holds_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUP_IDENTITY", "AGE-SECRET-KEY-1")
    assert b"AGE-SECRET" not in run(["env"])
    assert b"PGPASSWORD=own" in run(["env"], environment={"PGPASSWORD": "own"})
