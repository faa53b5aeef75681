"""Putting one database in the place of another: both get other names, in one transaction."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg.errors import ObjectInUse
from psycopg.sql import SQL, Identifier

from jobs import new_database
from jobs.errors import JobError
from jobs.upkeep import Tell
from migrations.connection import Connection, connect
from migrations.log import log
from migrations.settings import Target

ATTEMPTS: Final = 5
END_EVERY_SECONDS: Final = 0.1

_KEPT: Final = "SELECT datname FROM pg_database WHERE datname ~ ('^' || %s || '_before_[0-9]{14}$') ORDER BY 1 DESC"
_NOW: Final = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')"
_END: Final = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = ANY (%s) AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def switch(admin: Target, live: str, name: str, tell: Tell) -> None:
    """Gives `name` the live name. What was live is kept under another, told as `kept`: switching to that undoes it.

    Sessions of both are ended. Of what earlier switches kept nothing stays but the newest. Raises JobError.
    """
    with connect(admin, release="switch", autocommit=True) as session:
        _check(session, live, name)
        there = new_database.comment(session, live) is not None
        kept = _free_name(session, live) if there else None
        with _ending_sessions(admin, [live, name]):
            _rename(session, live, name, kept)
        tell({"action": "switched", "database": live, "from": name, "kept": kept})
        _drop_older(session, live, tell)


def _check(session: Connection, live: str, name: str) -> None:
    found = new_database.comment(session, name)
    if found is None:
        raise JobError(f"there is no database {name} to switch to")
    if name == live:
        raise JobError(f"{name} is the live database already")
    if found.startswith(new_database.RESTORING):
        raise JobError(f"{name} is not complete ({found}): run its restore again")


def _free_name(session: Connection, live: str) -> str:
    """A switch may follow another one within the second that their names tell."""
    while True:
        row = session.execute(_NOW).fetchone()
        assert row
        name = f"{live}_before_{row[0]}"
        if new_database.comment(session, name) is None:
            return name
        time.sleep(0.1)


def _rename(session: Connection, live: str, name: str, kept: str | None) -> None:
    """PostgreSQL waits five seconds for the sessions to go, and lets no new one in meanwhile."""
    rename = SQL("ALTER DATABASE {} RENAME TO {}")
    for attempt in range(ATTEMPTS):
        try:
            with session.transaction():
                session.execute("SET LOCAL lock_timeout = '10s'")
                if kept:
                    session.execute(rename.format(Identifier(live), Identifier(kept)))
                session.execute(rename.format(Identifier(name), Identifier(live)))
        except ObjectInUse as error:
            if attempt == ATTEMPTS - 1:
                raise JobError(f"sessions of {live} or {name} could not be ended: {error}") from error
            log(f"sessions of {live} or {name} are still open, trying again")
        else:
            return


@contextmanager
def _ending_sessions(admin: Target, databases: list[str]) -> Generator[None]:
    """Ends sessions of these databases again and again, by a session of its own."""
    over = threading.Event()

    def work(connection: Connection) -> None:
        while not over.wait(END_EVERY_SECONDS):
            try:
                connection.execute(_END, [databases])
            except psycopg.Error as error:
                log(f"sessions could not be ended: {error}")
                return

    with connect(admin, release="switch", autocommit=True) as connection:
        connection.execute(_END, [databases])
        thread = threading.Thread(target=work, args=(connection,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _drop_older(session: Connection, live: str, tell: Tell) -> None:
    """One that cannot be dropped costs room, no more."""
    for (name,) in session.execute(_KEPT, [live]).fetchall()[1:]:
        try:
            session.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(str(name))))
            tell({"action": "dropped", "database": name})
        except psycopg.Error as error:
            log(f"warning: {name} could not be dropped: {error}")
