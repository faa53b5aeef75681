"""The caller's rows of `installations`; whose they are, row-level security decides."""

from collections.abc import Mapping
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from app.database import Connection, Database, assignments
from app.installations.schemas import Installation
from app.pages import Cursor
from app.tokens import Principal

_COLUMNS: Final[LiteralString] = "id, status, mcp_config, error_message, created_at, updated_at"
_SELECT: Final[LiteralString] = f"SELECT {_COLUMNS} FROM public.installations"  # noqa: S608 (constants)
_INSERT: Final[LiteralString] = (
    f"INSERT INTO public.installations (user_id, mcp_config) VALUES (%s, %s) RETURNING {_COLUMNS}"  # noqa: S608
)


async def newest(database: Database, caller: Principal, *, after: Cursor | None, count: int) -> list[Installation]:
    """At most `count` installations, newest first, from behind the cursor on."""
    behind: LiteralString = "WHERE (created_at, id) < (%(created_at)s, %(id)s)" if after else ""
    return await database.read_as_user(
        caller,
        f"{_SELECT} {behind} ORDER BY created_at DESC, id DESC LIMIT %(count)s",
        {"count": count, **(after._asdict() if after else {})},
        class_row(Installation),
    )


async def get(database: Database, caller: Principal, installation_id: UUID) -> Installation | None:
    """One installation, if it is the caller's."""
    found = await database.read_as_user(
        caller,
        f"{_SELECT} WHERE id = %(id)s",
        {"id": installation_id},
        class_row(Installation),
    )
    return found[0] if found else None


async def insert(connection: Connection, user_id: UUID, mcp_config: dict[str, Any]) -> Installation:
    """Makes an installation.

    Raises psycopg's ForeignKeyViolation when the user was removed in this moment.
    """
    async with connection.cursor(row_factory=class_row(Installation)) as cursor:
        await cursor.execute(_INSERT, (user_id, Jsonb(mcp_config)))
        installation = await cursor.fetchone()
    assert installation is not None
    return installation


async def update(connection: Connection, installation_id: UUID, columns: Mapping[str, object]) -> Installation | None:
    """The installation after new values for these columns, at least one; None when it is not the caller's."""
    statement = SQL("UPDATE public.installations SET {} WHERE id = %(id)s RETURNING {}")
    values = {name: Jsonb(value) if name == "mcp_config" else value for name, value in columns.items()}
    async with connection.cursor(row_factory=class_row(Installation)) as cursor:
        await cursor.execute(statement.format(assignments(columns), SQL(_COLUMNS)), {**values, "id": installation_id})
        return await cursor.fetchone()


async def delete(connection: Connection, installation_id: UUID) -> bool:
    """Whether there was such an installation of the caller's to remove."""
    cursor = await connection.execute("DELETE FROM public.installations WHERE id = %s", (installation_id,))
    return cursor.rowcount == 1
