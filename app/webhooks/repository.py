"""The function that applies Stripe's events, and the one that forgets old ones."""

from typing import Final, Literal, LiteralString, cast

from app.database import Connection
from app.webhooks.schemas import Item, SubscriptionEvent

Applied = Literal["applied", "duplicate", "stale", "unknown_customer"]

_APPLY: Final[LiteralString] = """
    SELECT public.apply_subscription_event(%s, %s, %s, %s, %s, %s, %s, %s, %s), public.sweep_stripe_events()
"""


async def apply(connection: Connection, event: SubscriptionEvent, item: Item, plan: str) -> Applied:
    """What became of an event that says that this is the subscription's plan now."""
    subscription = event.data.object
    cursor = await connection.execute(
        _APPLY,
        (
            event.id,
            event.created_at,
            event.type,
            subscription.customer,
            subscription.id,
            plan,
            subscription.status,
            *subscription.period(item),
        ),
    )
    row = await cursor.fetchone()
    assert row is not None
    return cast(Applied, row[0])
