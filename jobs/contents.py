"""What is in a database, as its owner sees it: rows and schema, in the transaction given.

Only what the owner owns counts: in a database that is somebody else's (Supabase's), the rest is theirs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL, Identifier

from jobs.facts import facts
from migrations.connection import Connection
from migrations.history import History

TABLES: Final = """
    SELECT n.nspname, c.relname, c.relkind = 'p' FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = current_user AND c.relpersistence <> 't'
    ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Table:
    """A table of the owner's. One that is partitioned holds no rows itself."""

    schema: str
    name: str
    partitioned: bool

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> Identifier:
        return Identifier(self.schema, self.name)


@dataclass(frozen=True)
class Contents:
    """Rows of each table that holds any itself, a digest for each part of the schema, and its revision."""

    tables: dict[str, int]
    facts: dict[str, str]
    schema_revision: str | None


def tables(connection: Connection) -> list[Table]:
    """All tables, also archives and partitions, as the transaction sees them."""
    rows = connection.execute(TABLES).fetchall()
    return [Table(str(schema), str(name), bool(partitioned)) for schema, name, partitioned in rows]


def read(connection: Connection) -> Contents:
    """All of it."""
    return Contents(rows(connection, tables(connection)), facts(connection), History.read(connection).revision)


def rows(connection: Connection, known: Iterable[Table]) -> dict[str, int]:
    """How many rows each table has that holds any itself."""
    return {str(table): count(connection, table) for table in known if not table.partitioned}


def count(connection: Connection, table: Table) -> int:
    """How many rows a table has, without those of its partitions."""
    row = connection.execute(SQL("SELECT count(*) FROM ONLY {}").format(table.quoted)).fetchone()
    assert row and isinstance(row[0], int)
    return row[0]


def any_row(connection: Connection, table: Table) -> bool:
    """Whether the session's role sees a row of a table or of its partitions."""
    row = connection.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(table.quoted)).fetchone()
    return row == (True,)
