"""The engine killed at ten points of an update: the next `up` ends what was begun, and nobody has noticed."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from .conftest import Person, Stack, kill_engine
from .test_rollout import replicas, rows, users, variable

NewPerson = Callable[[], Person]


class Doomed:
    """An update that is going to be killed: what it has printed, and which replicas it found."""

    def __init__(self, stack: Stack, log: Path) -> None:
        self.stack, self.log, self.found = stack, log, replicas(stack)
        with log.open("w") as output:
            self.process = subprocess.Popen(
                ["python", "-m", "ops", "--stack", stack.name, "up"],
                cwd=stack.project,
                env=stack.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def made(self, count: int) -> bool:
        return len(replicas(self.stack) - self.found) >= count

    def engine(self) -> int:
        """The process id of `pulumi`, a child of the command."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        (engine,) = [int(each) for each in children if b"pulumi" in Path(f"/proc/{each}/cmdline").read_bytes()]
        return engine

    def kill(self, *, all_of_it: bool) -> None:
        """Ends the engine alone, and leaves its plugins to themselves, or all that the command has started."""
        if all_of_it:
            os.killpg(self.process.pid, signal.SIGKILL)
            kill_engine(self.stack)
        else:
            os.kill(self.engine(), signal.SIGKILL)
        self.process.wait(timeout=60)


def locked(doomed: Doomed) -> bool:
    return any((doomed.stack.state / ".pulumi" / "locks").rglob("*.json"))


POINTS: dict[str, Callable[[Doomed], bool]] = {
    "it holds the lock": locked,
    "it has begun": lambda doomed: doomed.said("Updating ("),
    "it looks at the replicas": lambda doomed: doomed.said("api-replicas updating"),
    "one new replica is there": lambda doomed: doomed.made(1),
    "two are": lambda doomed: doomed.made(2),
    "all are": lambda doomed: doomed.made(3),
    "they serve": lambda doomed: doomed.said("all new requests go to them"),
    "the old ones are ending": lambda doomed: doomed.said("ending 3 from before"),
    "an old one is gone": lambda doomed: bool(doomed.found - replicas(doomed.stack)),
    "the replicas are done": lambda doomed: doomed.said("api-replicas updated"),
}


@pytest.fixture(scope="module", autouse=True)
def as_it_was(stack: Stack) -> Generator[None]:
    """The last of these updates leaves a limit that the next tests' settings do not have."""
    yield
    done = stack.up()
    assert done.code == 0, done.text


@pytest.mark.parametrize("point", POINTS)
def test_an_update_whose_engine_was_killed_is_ended_by_the_next_one(
    stack: Stack, new_person: NewPerson, tmp_path: Path, point: str
) -> None:
    person, number = new_person(), list(POINTS).index(point)
    limit = str(1_000_001 + number)
    with stack.changed_settings("    api: 1000000\n", f"    api: {limit}\n"), users(stack, person, rate=10) as load:
        doomed = Doomed(stack, tmp_path / "log")
        reach(doomed, POINTS[point])
        doomed.kill(all_of_it=number % 2 == 1)
        done = stack.up()
    assert done.code == 0, done.text
    assert variable(stack, "RATE_LIMIT_API") == limit
    assert len(replicas(stack)) == 3
    everything = stack.engine.containers.list(all=True, ignore_removed=True, filters=stack.filters)
    assert len(everything) == 11, [container.name for container in everything]
    assert not load.report.failures, str(load.report)
    written = sum(answer.status == 201 for answer in load.report.answers)
    assert rows(stack, person) == (written, written)


def reach(doomed: Doomed, point: Callable[[Doomed], bool]) -> None:
    end = time.monotonic() + 120
    while not point(doomed):
        assert doomed.process.poll() is None, doomed.log.read_text()
        assert time.monotonic() < end, doomed.log.read_text()
        time.sleep(0.02)
