"""A folder for one piece of work at a time, of which nothing stays, also of one that was killed."""

import fcntl
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from jobs import scratch
from jobs.errors import JobError
from migrations.log import log

WAIT_SECONDS: Final = 600.0
POLL_SECONDS: Final = 0.5


@contextmanager
def workspace(work: Path, name: str, seconds: float = WAIT_SECONDS) -> Generator[Path]:
    """An empty folder in the work folder. Raises JobError when others keep it for so many seconds."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = (work / f"{name}.lock").open("w")
    except OSError as error:
        raise JobError(f"WORK_DIR ({work}) cannot be written to: {error.strerror}. Let this user own it") from error
    folder = work / name
    with lock:
        _hold(lock, name, seconds)
        _clear(folder)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            _clear(folder)


def clean(work: Path, names: tuple[str, ...]) -> None:
    """Removes what killed work has left, unless somebody is at it."""
    for name in names:
        if (work / name).exists():
            try:
                with workspace(work, name, 0):
                    log(f"removed what a killed run had left in {work / name}")
            except JobError as error:
                log(str(error))


def _hold(lock: IO[str], name: str, seconds: float) -> None:
    deadline, told = time.monotonic() + seconds, False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return
        if time.monotonic() >= deadline:
            raise JobError(f"another job has kept the work folder's {name!r} for {seconds:g} s: wait for it to end")
        if not told:
            log(f"waiting for another job that uses the work folder's {name!r}")
            told = True
        time.sleep(POLL_SECONDS)


def _clear(folder: Path) -> None:
    scratch.end_leftover(folder)
    shutil.rmtree(folder, ignore_errors=True)
