"""The caller's rows of `usage`; whose they are, row-level security decides."""

from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from app.database import Connection, Database
from app.pages import Cursor
from app.tokens import Principal
from app.usage.schemas import NewUsage, Usage

_COLUMNS: Final[LiteralString] = "id, feature, usage_count, metadata, created_at"
_INSERT: Final[LiteralString] = (
    f"INSERT INTO public.usage (user_id, feature, usage_count, metadata) VALUES (%s, %s, %s, %s) RETURNING {_COLUMNS}"  # noqa: S608 (constants)
)
_RANGE: Final[LiteralString] = (
    f"SELECT {_COLUMNS} FROM public.usage WHERE created_at >= %(since)s AND created_at < %(until)s"  # noqa: S608
)


async def insert(connection: Connection, user_id: UUID, new: NewUsage) -> Usage:
    """Adds a row.

    Raises psycopg's ForeignKeyViolation when the user was removed in this moment.
    """
    async with connection.cursor(row_factory=class_row(Usage)) as cursor:
        await cursor.execute(_INSERT, (user_id, new.feature, new.usage_count, Jsonb(new.metadata)))
        usage = await cursor.fetchone()
    assert usage is not None
    return usage


async def newest(
    database: Database, caller: Principal, *, since: datetime, until: datetime, after: Cursor | None, count: int
) -> list[Usage]:
    """At most `count` rows of a range, newest first, from behind the cursor on."""
    # The first condition follows from the second, and is what keeps the newer partitions out.
    behind: LiteralString = (
        "AND created_at <= %(created_at)s AND (created_at, id) < (%(created_at)s, %(id)s)" if after else ""
    )
    return await database.read_as_user(
        caller,
        f"{_RANGE} {behind} ORDER BY created_at DESC, id DESC LIMIT %(count)s",
        {"since": since, "until": until, "count": count, **(after._asdict() if after else {})},
        class_row(Usage),
    )
