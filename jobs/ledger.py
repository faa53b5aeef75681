"""How the jobs have gone, in a file of the work folder: also of those that were run by hand beside the loop."""

import fcntl
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Final

from migrations.log import log

FILE: Final = "ledger.json"


@dataclass
class Tally:
    """Of one job: failures ever, and when it last went well (seconds since 1970; None: never)."""

    failures: int = 0
    last_success: float | None = None


@dataclass
class Ledger:
    """What each job's tally is."""

    jobs: dict[str, Tally] = field(default_factory=dict[str, Tally])

    def of(self, job: str) -> Tally:
        return self.jobs.get(job, Tally())


def read(work: Path) -> Ledger:
    """Empty when nothing was recorded, or what was recorded cannot be read."""
    try:
        with (work / FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return _parsed(file.read())
    except OSError:
        return Ledger()


def record(work: Path, job: str, moment: float, *, well: bool) -> None:
    """Adds how a job went. A work folder that takes nothing is told, and hinders nothing."""
    try:
        with _locked(work) as file:
            ledger = _parsed(file.read())
            tally = ledger.jobs.setdefault(job, Tally())
            if well:
                tally.last_success = moment
            else:
                tally.failures += 1
            file.seek(0)
            file.truncate()
            file.write(json.dumps({name: asdict(each) for name, each in ledger.jobs.items()}).encode())
    except OSError as error:
        log(f"how {job} went could not be recorded in {work / FILE}: {error.strerror}")


def _parsed(text: bytes) -> Ledger:
    try:
        return Ledger({str(name): Tally(**each) for name, each in json.loads(text).items()})
    except (ValueError, TypeError, AttributeError):
        return Ledger()


@contextmanager
def _locked(work: Path) -> Generator[IO[bytes]]:
    with (work / FILE).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file
