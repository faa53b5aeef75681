"""The caller's row of `users`."""

from collections.abc import Mapping
from typing import Final, LiteralString
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.sql import SQL

from app.database import Connection, Database, assignments
from app.tokens import Principal
from app.users.schemas import User

_COLUMNS: Final[LiteralString] = (
    "id, email, subscription_status, subscription_plan, v0_api_key IS NOT NULL AS has_v0_api_key, created_at"
)
_SELECT: Final[LiteralString] = f"SELECT {_COLUMNS} FROM public.users WHERE id = %(id)s"  # noqa: S608 (constants)


class EmailTaken(Exception):
    """Somebody else has this address already."""


async def get(database: Database, caller: Principal) -> User | None:
    """The caller, if they are still there."""
    found = await database.read_as_user(
        caller,
        _SELECT,
        {"id": caller.user_id},
        class_row(User),
    )
    return found[0] if found else None


async def update(connection: Connection, user_id: UUID, columns: Mapping[str, str | None]) -> User | None:
    """The user after new values for these columns, at least one; `v0_api_key` is encrypted already.

    Raises EmailTaken.
    """
    statement = SQL("UPDATE public.users SET {} WHERE id = %(id)s RETURNING {}")
    async with connection.cursor(row_factory=class_row(User)) as cursor:
        try:
            await cursor.execute(statement.format(assignments(columns), SQL(_COLUMNS)), {**columns, "id": user_id})
        except UniqueViolation:
            raise EmailTaken from None
        return await cursor.fetchone()


async def delete(connection: Connection, user_id: UUID, customer_id: str | None) -> bool:
    """Removes the user and all that is theirs; False when they are gone, or another customer of Stripe's by now."""
    cursor = await connection.execute(
        "DELETE FROM public.users WHERE id = %s AND stripe_customer_id IS NOT DISTINCT FROM %s", (user_id, customer_id)
    )
    return cursor.rowcount == 1
