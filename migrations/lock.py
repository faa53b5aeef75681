"""One runner at a time: a session advisory lock, held on a connection that does nothing else."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from migrations.connection import Connection, connect
from migrations.errors import MigrationError
from migrations.log import log
from migrations.settings import Settings, Target

# Any number will do, as long as every release uses the same: "nuggetwi" in ASCII.
KEY = 0x6E75676765747769
# Held by the session that applies a revision: when its runner is killed, it outlives the runner's KEY by seconds.
WORK = KEY + 1
POLL_SECONDS = 0.5

HOLDER = """
    SELECT concat('pid ', a.pid, ' (', a.application_name, ') of ', a.usename, ' from ',
        coalesce(host(a.client_addr), 'the server itself'), ' since ', date_trunc('second', a.state_change))
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid::bigint << 32) + l.objid::bigint = %s
"""


@contextmanager
def only_runner(settings: Settings, target: Target) -> Generator[Connection]:
    """Hold the lock of the target's database, on the connection given, or say who does."""
    with connect(target, release=settings.release, autocommit=True) as connection:
        hold(connection, KEY, settings.lock_wait_seconds)
        yield connection


def hold(connection: Connection, key: int, seconds: float) -> None:
    """Take an advisory lock for the rest of the session, or say who kept it for so long.

    It is polled for, and in autocommit: a blocked `pg_advisory_lock` would be a transaction that CREATE INDEX
    CONCURRENTLY waits for, while it waits for the lock's holder.
    """
    deadline = time.monotonic() + seconds
    told = False
    while not _locked(connection, key):
        holder = _holder(connection, key)
        if time.monotonic() >= deadline:
            raise MigrationError(
                f"another runner kept the lock for {seconds:g} s: {holder}. "
                "Wait for it, or end it with pg_terminate_backend, and run again"
            )
        if not told:
            log(f"waiting for another runner: {holder}")
            told = True
        time.sleep(POLL_SECONDS)


def _locked(connection: Connection, key: int) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
    return row == (True,)


def _holder(connection: Connection, key: int) -> str:
    row = connection.execute(HOLDER, [key]).fetchone()
    return str(row[0]) if row else "it has just ended"
