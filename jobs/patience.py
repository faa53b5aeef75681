"""Work that needs locks: each is asked for briefly (migrations.connection), and again later."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from psycopg.errors import DeadlockDetected, LockNotAvailable

from migrations.autovacuum import send_away
from migrations.blockers import watched
from migrations.connection import Connection
from migrations.errors import MigrationError
from migrations.log import log

SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Patience:
    """The session that works, another one that sees who is in its way, and how many seconds it tries again."""

    worker: Connection
    watcher: Connection
    seconds: float = SECONDS

    def attempt(self, what: str, do: Callable[[], object]) -> None:
        """Do something, and again while a lock is not free.

        Raises MigrationError, which names whoever is in the way, when it never was; any other error at once.
        """
        deadline = time.monotonic() + self.seconds
        told = False
        while True:
            with watched(self.watcher, self.worker.info.backend_pid) as blockers:
                try:
                    do()
                except (LockNotAvailable, DeadlockDetected) as error:
                    problem = error
                else:
                    return
            in_the_way = f"; in the way: {', '.join(blockers)}" if blockers else ""
            if time.monotonic() + PAUSE_SECONDS > deadline:
                raise MigrationError(f"a lock was not free for {self.seconds:g} s{in_the_way}") from problem
            if not told:
                log(f"{what} … a lock is not free, trying for {self.seconds:g} s{in_the_way}")
                told = True
            if blockers.vacuumed:
                send_away(self.watcher, *blockers.vacuumed)
            time.sleep(PAUSE_SECONDS)
