"""Who keeps the runner waiting. Asked while it waits: once its lock_timeout is over, PostgreSQL no longer knows."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import psycopg

from migrations.connection import Connection
from migrations.log import log

POLL_SECONDS = 0.1  # several times within lock_timeout
TOLD_AFTER_SECONDS = 3.0

# No query: its text may hold people's data. What a role may not see of another's session is null.
BLOCKERS = """
    SELECT concat(
        'pid ', b.pid, ' (', coalesce(nullif(b.application_name, ''), b.backend_type, 'nameless'), ') of ',
        coalesce(b.usename, 'the server itself, such as autovacuum'),
        CASE WHEN b.backend_start IS NULL THEN concat(', whose state ', current_user, ' may not see') ELSE concat(
            ' from ' || host(b.client_addr), ', ' || b.state,
            ', transaction begun ' || date_trunc('second', clock_timestamp() - b.xact_start) || ' ago',
            ', last statement ' || date_trunc('second', clock_timestamp() - b.query_start) || ' ago'
        ) END
    ),
    -- What autovacuum, which has no role, keeps it waiting for.
    CASE WHEN b.usename IS NULL THEN (
        SELECT array[n.nspname, c.relname]::text[]
        FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE l.pid = waiting.pid AND NOT l.granted LIMIT 1
    ) END
    FROM pg_stat_activity AS waiting JOIN pg_stat_activity AS b ON b.pid = ANY (pg_blocking_pids(waiting.pid))
    WHERE waiting.pid = %s AND waiting.wait_event_type = 'Lock'
    ORDER BY b.xact_start
"""


class Blockers(list[str]):
    """Who was in the way when the session was last seen to wait.

    `vacuumed` is schema and name of the table that autovacuum kept, if it was among them.
    """

    vacuumed: tuple[str, str] | None = None


@contextmanager
def watched(connection: Connection, pid: int) -> Generator[Blockers]:
    """Keeps watch over what the session `pid` waits for; long waits are logged."""
    blockers = Blockers()
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(connection, pid, blockers, over), daemon=True)
    watch.start()
    try:
        yield blockers
    finally:
        over.set()
        watch.join()


def _watch(connection: Connection, pid: int, blockers: Blockers, over: threading.Event) -> None:
    waits = 0
    while not over.wait(POLL_SECONDS):
        try:
            found = connection.execute(BLOCKERS, [pid]).fetchall()
        except psycopg.Error:  # the server is gone, which the statement's own error tells
            return
        waits = waits + 1 if found else 0
        if found:
            blockers[:] = [str(session) for session, _ in found]
            tables = [table for _, table in found if isinstance(table, list)]
            blockers.vacuumed = (str(tables[0][0]), str(tables[0][1])) if tables else None
        if waits == round(TOLD_AFTER_SECONDS / POLL_SECONDS):
            log(f"  still waiting for {', '.join(blockers)}")
