"""Reservations of generations, and the usage that they become; whose they are, row-level security decides."""

from typing import Final, LiteralString, NamedTuple
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from app.database import Connection

FEATURE: Final[LiteralString] = "component_generation"

# A statement sees what was committed before it began, so the lock is another one, before this. now() is when the
# transaction began, and usage that it waited for is younger: the upper bound only leaves later partitions alone.
_RESERVE: Final[LiteralString] = """
    WITH expired AS (
        DELETE FROM public.generation_reservations WHERE user_id = %(user)s AND expires_at <= now()
    )
    INSERT INTO public.generation_reservations (user_id)
    SELECT %(user)s
    WHERE %(quota)s > (
        SELECT coalesce(sum(usage_count), 0) FROM public.usage
        WHERE user_id = %(user)s AND feature = %(feature)s
            AND created_at >= date_trunc('month', now(), 'UTC')
            AND created_at < date_trunc('month', now(), 'UTC') + interval '32 days'
    ) + (
        SELECT count(*) FROM public.generation_reservations WHERE user_id = %(user)s AND expires_at > now()
    )
    RETURNING id
"""


class Account(NamedTuple):
    """What a generation depends on; the key is encrypted."""

    plan: str
    v0_api_key: str | None


async def lock_account(connection: Connection, user_id: UUID) -> Account | None:
    """The caller's account, if they are still there; until the transaction ends nobody else gets it this way."""
    async with connection.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(
            "SELECT subscription_plan AS plan, v0_api_key FROM public.users WHERE id = %s FOR NO KEY UPDATE", (user_id,)
        )
        return await cursor.fetchone()


async def reserve(connection: Connection, user_id: UUID, quota: int) -> UUID | None:
    """Reserves one generation of this month for a caller whose account is locked; None when none is left."""
    cursor = await connection.execute(_RESERVE, {"user": user_id, "quota": quota, "feature": FEATURE})
    row = await cursor.fetchone()
    return row[0] if row else None


async def release(connection: Connection, reservation: UUID) -> None:
    """Gives a reservation back."""
    await connection.execute("DELETE FROM public.generation_reservations WHERE id = %s", (reservation,))


async def count(connection: Connection, user_id: UUID, reservation: UUID, model: str) -> None:
    """Turns a reservation into usage of the same id.

    Raises psycopg's ForeignKeyViolation when the user was removed in this moment.
    """
    await connection.execute(
        "INSERT INTO public.usage (id, user_id, feature, metadata) VALUES (%s, %s, %s, %s)",
        (reservation, user_id, FEATURE, Jsonb({"model": model})),
    )
    await release(connection, reservation)
