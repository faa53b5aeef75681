"""What the live database has that a backup has not: what would be lost by restoring it."""

from datetime import datetime
from typing import Final, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from migrations.connection import Connection, connect
from migrations.errors import MigrationError
from migrations.settings import Target

# What tells a row's age. A row that was deleted since, or changed where no time is kept, is not seen.
TABLES: Final[dict[str, LiteralString]] = {
    "users": "greatest(created_at, updated_at)",
    "installations": "greatest(created_at, updated_at)",
    "usage": "created_at",
    "subscriptions": "greatest(created_at, updated_at)",
}


def newer_than(owner: Target, moment: datetime) -> dict[str, int]:
    """Rows of each table of the moment or younger. Where there is no such database, or no schema yet, none.

    Raises MigrationError when it cannot be known.
    """
    try:
        connection = connect(owner, release="newer-than", autocommit=True)
    except psycopg.OperationalError as error:
        if _is_no_database(error, owner):
            return dict.fromkeys(TABLES, 0)
        raise MigrationError(
            f"whether {owner.database} has newer rows is unknown: {str(error).strip()}. Bring its server back first"
        ) from error
    with connection:
        return {name: _count(connection, name, moment) for name in TABLES}


def _count(connection: Connection, name: str, moment: datetime) -> int:
    if connection.execute("SELECT to_regclass(%s)", [f"public.{name}"]).fetchone() == (None,):
        return 0
    query = SQL("SELECT count(*) FROM {} WHERE {} >= %s").format(Identifier("public", name), SQL(TABLES[name]))
    row = connection.execute(query, [moment]).fetchone()
    assert row and isinstance(row[0], int)
    return row[0]


def _is_no_database(error: psycopg.OperationalError, owner: Target) -> bool:
    """A connection that fails carries no SQLSTATE: https://github.com/psycopg/psycopg/issues/192"""
    return f'database "{owner.database}" does not exist' in str(error)
