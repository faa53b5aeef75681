"""What the caller pays for, and who they are to Stripe."""

from typing import Final, LiteralString, NamedTuple

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from app.database import Connection, Database
from app.subscriptions.schemas import Subscription
from app.tokens import Principal

# The subscription that the entitlement comes from, in the order of refresh_entitlement().
_CURRENT: Final[LiteralString] = """
    SELECT u.subscription_plan AS plan, u.subscription_status AS status, s.current_period_start, s.current_period_end
    FROM public.users AS u LEFT JOIN LATERAL (
        SELECT * FROM public.subscriptions WHERE user_id = u.id
        ORDER BY status IN ('trialing', 'active', 'past_due') DESC, last_event_at DESC, last_event_rank DESC
        LIMIT 1
    ) AS s ON true
    WHERE u.id = %(id)s
"""


class Account(NamedTuple):
    """The caller, for Stripe."""

    email: str
    stripe_customer_id: str | None


class CustomerTaken(Exception):
    """The customer is somebody else's."""


async def current(database: Database, caller: Principal) -> Subscription | None:
    """What the caller has, if they are still there."""
    found = await database.read_as_user(caller, _CURRENT, {"id": caller.user_id}, class_row(Subscription))
    return found[0] if found else None


async def account(database: Database, caller: Principal) -> Account | None:
    """Who the caller is to Stripe, if they are still there."""
    found = await database.read_as_user(
        caller,
        "SELECT email, stripe_customer_id FROM public.users WHERE id = %(id)s",
        {"id": caller.user_id},
        class_row(Account),
    )
    return found[0] if found else None


async def link_customer(connection: Connection, customer_id: str, *, instead_of: str | None) -> str | None:
    """Makes this the caller's customer, unless it is not `instead_of` any more; returns whichever it is now.

    Raises CustomerTaken.
    """
    try:
        cursor = await connection.execute("SELECT public.link_stripe_customer(%s, %s)", (customer_id, instead_of))
    except UniqueViolation:
        raise CustomerTaken from None
    row = await cursor.fetchone()
    return str(row[0]) if row and row[0] else None
