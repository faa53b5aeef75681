"""Autovacuum in the way of a migration.

PostgreSQL cancels it for whoever has waited for deadlock_timeout (1 s), which a migration never does, since writers
would queue behind it for as long. So the runner waits in its place, for a lock that is in no writer's way.
"""

import psycopg
from psycopg.sql import SQL, Identifier

from migrations.connection import Connection

PATIENCE = "5s"


def send_away(connection: Connection, schema: str, table: str) -> None:
    """Return when autovacuum has let go of the table, or does not (it must, to prevent a wraparound)."""
    try:
        with connection.transaction():
            connection.execute(SQL("SET LOCAL lock_timeout = {}").format(PATIENCE))
            connection.execute(SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE").format(Identifier(schema, table)))
    except psycopg.errors.LockNotAvailable:
        pass  # the next attempt says who is in the way
