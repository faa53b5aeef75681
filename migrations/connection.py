"""Connections of the runner, with timeouts that no migration's RESET undoes."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from migrations.errors import MigrationError
from migrations.settings import Target

Connection = psycopg.Connection[tuple[object, ...]]

# A lock is waited for briefly, since everyone else queues behind the waiter; the runner then tries again. It is below
# deadlock_timeout (1 s): where a migration and a writer wait for each other, it is the migration that gives up.
TIMEOUTS = {"lock_timeout": "500ms", "statement_timeout": "15min", "idle_session_timeout": "0"}

# Of a runner that is killed, or whose machine is gone, the server ends the statement and releases the locks.
WHEN_LOST = {
    "client_connection_check_interval": "2s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}

ARE_KEPT = "SELECT current_setting('lock_timeout')::interval = %s::interval"


def connect(target: Target, *, release: str, autocommit: bool) -> Connection:
    """A direct connection that names itself, so that whoever waits for it can be told.

    Raises MigrationError where a pooler is between, which keeps neither the timeouts nor a session's lock.
    """
    try:
        connection = _connected(target, release=release, autocommit=autocommit)
    except psycopg.OperationalError as error:
        if "unsupported startup parameter" not in str(error):
            raise
        raise _pooled(target) from error
    if connection.execute(ARE_KEPT, [TIMEOUTS["lock_timeout"]]).fetchone() != (True,):
        connection.close()
        raise _pooled(target)
    connection.rollback()
    return connection


def _pooled(target: Target) -> MigrationError:
    return MigrationError(
        f"the URL of {target.role} goes through a pooler that drops the session's settings: give the database's own "
        "host and port (owner_url in the stack's settings), not the pooler's"
    )


def _connected(target: Target, *, release: str, autocommit: bool) -> Connection:
    given = conninfo_to_dict(target.url).get("options")
    options = [str(given)] if given else []
    return psycopg.connect(
        target.url,
        autocommit=autocommit,
        prepare_threshold=None,
        connect_timeout=30,
        client_encoding="utf8",
        application_name=f"nuggetwise-migrations {release}",
        options=" ".join([*options, *(f"-c {name}={value}" for name, value in {**TIMEOUTS, **WHEN_LOST}.items())]),
    )
