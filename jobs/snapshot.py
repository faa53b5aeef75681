"""A moment of the database that stays readable, also for pg_dump, while others go on writing."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg.errors import UndefinedTable
from psycopg.sql import SQL

from jobs import contents
from jobs.contents import Table
from jobs.errors import JobError
from jobs.patience import Patience
from migrations.connection import Connection

ATTEMPTS: Final = 5

# Open for as long as the dump takes, and idle for most of it.
BEGIN: Final = """
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL statement_timeout = 0;
    SET LOCAL jit = off
"""
EXPORT: Final = "SELECT pg_export_snapshot(), current_setting('server_version')"
# Rows bear the time at which their transaction began: whoever is writing now may bring older ones that are not in it.
MOMENT: Final = """
    SELECT least(clock_timestamp(), min(xact_start)) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_xid IS NOT NULL
"""
# Theirs are schemas, tables and extensions that the owner could not dump, or nobody restore elsewhere.
THEIRS: Final = """
    WITH schema AS (
        SELECT oid, format('"%s"', replace(nspname, '"', '""')) AS name, nspname = 'public' AS shared,
            pg_get_userbyid(nspowner) = current_user AS ours
        FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    )
    SELECT '--exclude-schema', name FROM schema WHERE NOT shared AND NOT ours
    UNION ALL
    SELECT '--exclude-table', format('%s."%s"', name, replace(relname, '"', '""'))
    FROM pg_class JOIN schema ON schema.oid = relnamespace
    WHERE (shared OR ours) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_get_userbyid(relowner) <> current_user
    UNION ALL
    SELECT '--exclude-extension', format('"%s"', replace(extname, '"', '""'))
    FROM pg_extension WHERE pg_get_userbyid(extowner) <> current_user
"""


@dataclass(frozen=True)
class Snapshot:
    """`id` is what pg_dump takes; `exclude` are its arguments for what is not the owner's.

    A row of `moment` or younger may be missing, and no other one.
    """

    connection: Connection
    id: str
    moment: datetime
    server_version: str
    tables: list[Table]
    exclude: list[str]


@contextmanager
def taken(patience: Patience) -> Generator[Snapshot]:
    """A snapshot, with all tables held as they are: none can go or change before the dump has read it.

    Raises MigrationError, which names whoever is in the way, when a table is not free for too long.
    """
    made: list[Snapshot] = []
    try:
        patience.attempt("taking a snapshot", lambda: made.append(_taken(patience.worker)))
        yield made[-1]
    finally:
        # Where the database is gone, its own users say so first.
        with suppress(psycopg.Error):
            patience.worker.rollback()


def _taken(connection: Connection) -> Snapshot:
    """Again when a table went, or got another name, between the moment and the lock."""
    for _ in range(ATTEMPTS):
        connection.rollback()
        moment = connection.execute(MOMENT).fetchone()
        connection.execute(BEGIN)
        row = connection.execute(EXPORT).fetchone()
        assert moment and row and isinstance(moment[0], datetime)
        known = contents.tables(connection)
        try:
            _hold(connection, known)
        except UndefinedTable:
            continue
        theirs = [f"{option}={pattern}" for option, pattern in connection.execute(THEIRS).fetchall()]
        return Snapshot(connection, str(row[0]), moment[0], str(row[1]), known, theirs)
    raise JobError(f"tables came and went through {ATTEMPTS} attempts at a snapshot: run again when the upkeep is over")


def _hold(connection: Connection, known: list[Table]) -> None:
    if known:
        names = SQL(", ").join(SQL("ONLY {}").format(table.quoted) for table in known)
        connection.execute(SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
