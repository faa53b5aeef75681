"""Taking in Stripe's events.

After a refusal Stripe comes back with the same event, for three days: worth it when we may know better by then. So an
event for an unknown customer or price is refused, unless it takes something away: from nobody there is nothing to take,
and a price that was forgotten must not keep anyone subscribed.
"""

import logging
from typing import Final

import stripe
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from app.problems import BadRequest, Conflict, Unavailable, Unprocessable
from app.resources import Resources
from app.webhooks import repository
from app.webhooks.schemas import Event, Receipt, SubscriptionEvent

logger = logging.getLogger("app.webhooks")

_TOLERANCE: Final = 300  # seconds between the signature and now
_SUBSCRIPTION_EVENTS: Final = frozenset(
    {
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
    }
)
_ENTITLING: Final = frozenset({"trialing", "active", "past_due"})
_ENDED: Final = frozenset({"canceled", "incomplete_expired"})


async def receive(here: Resources, request: Request, signature: str | None) -> Receipt:
    """Applies an event once it is known to be Stripe's.

    Raises BadRequest for a bad signature or body, Conflict for an unknown customer, Unprocessable for an unknown price.
    """
    secret = here.settings.stripe_webhook_secret
    if secret is None:
        raise Unavailable("Stripe is not configured here: STRIPE_WEBHOOK_SECRET is not set.", retry_after=3600)
    try:
        payload = await request.body()
    except ClientDisconnect:
        raise BadRequest("The body is not whole.") from None
    _verify(payload, signature, secret.get_secret_value())
    try:
        if Event.model_validate_json(payload).type not in _SUBSCRIPTION_EVENTS:
            return Receipt(outcome="ignored")
        event = SubscriptionEvent.model_validate_json(payload)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        logger.error("Stripe's event cannot be read", extra={"problems": problems[:5]})
        raise BadRequest("The body is not an event as Stripe describes them.") from None
    return await _apply(here, event)


async def _apply(here: Resources, event: SubscriptionEvent) -> Receipt:
    subscription = event.data.object
    about = {"event": event.id, "type": event.type, "customer": subscription.customer, "status": subscription.status}
    item, plan = subscription.item(here.settings.stripe_price_pro), "pro"
    if item is None:
        item, plan = subscription.items.data[0], "free"
        logger.error("Stripe's price is in no plan", extra={**about, "price": item.price.id})
        if subscription.status in _ENTITLING:
            raise Unprocessable("The subscription's price is in no plan.")
    async with here.database.as_nobody() as connection:
        outcome = await repository.apply(connection, event, item, plan)
    logger.info("Stripe's event", extra={**about, "outcome": outcome})
    if outcome != "unknown_customer":
        return Receipt(outcome=outcome)
    if subscription.status in _ENDED:
        # As after the removal of a user, which ends the subscription first.
        return Receipt(outcome="ignored")
    raise Conflict("There is nobody with this customer.")


def _verify(payload: bytes, signature: str | None, secret: str) -> None:
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, _TOLERANCE)
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        # The last two for a body that is not UTF-8 and for a header that is not ASCII.
        raise BadRequest("The signature is not Stripe's, not of this body, or too old.") from None
