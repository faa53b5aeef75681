"""Subscribing, changing that, and ending it. While Stripe is asked no database connection is held."""

import logging
from typing import Final

from app.problems import Conflict, Unavailable, UserGone
from app.resources import Resources
from app.subscriptions import repository
from app.subscriptions.repository import Account, CustomerTaken
from app.subscriptions.schemas import Subscription
from app.subscriptions.stripe_api import StripeApi
from app.tokens import Principal

logger = logging.getLogger("app.subscriptions")

_NOT_SOON: Final = 3600  # seconds


async def current(here: Resources, caller: Principal) -> Subscription:
    """What the caller has.

    Raises Unauthorized when they were removed in this moment.
    """
    found = await repository.current(here.database, caller)
    if found is None:
        raise UserGone
    return found


async def checkout(here: Resources, caller: Principal, plan: str) -> str:
    """The URL of a page on which the caller can subscribe to a plan.

    Raises Conflict when they have a subscription, and Unavailable without Stripe.
    """
    stripe, frontend_url = _configured(here)
    if not here.settings.stripe_price_pro:
        raise _not_configured("STRIPE_PRICE_PRO")
    customer_id = await _customer(here, stripe, caller)
    return await stripe.checkout(caller.user_id, customer_id, plan, here.settings.stripe_price_pro[0], frontend_url)


async def portal(here: Resources, caller: Principal) -> str:
    """The URL of the caller's billing portal.

    Raises Conflict when Stripe does not know them, and Unavailable without Stripe.
    """
    stripe, frontend_url = _configured(here)
    customer_id = (await _account(here, caller)).stripe_customer_id
    url = await stripe.portal(customer_id, frontend_url) if customer_id else None
    if url is None:
        raise Conflict("There is nothing to manage yet: begin with a checkout.")
    return url


async def end(here: Resources, caller: Principal) -> str | None:
    """Ends all that the caller pays for, at once, and returns the customer that Stripe deleted for it, if any.

    The customer, not just the subscription: a checkout that is still open could be paid after the account is gone.
    Raises Unavailable when Stripe could not be told.
    """
    customer_id = (await _account(here, caller)).stripe_customer_id
    if customer_id:
        if here.stripe is None:
            raise _not_configured("STRIPE_SECRET_KEY")
        await here.stripe.delete_customer(customer_id)
    return customer_id


async def _customer(here: Resources, stripe: StripeApi, caller: Principal) -> str:
    """The caller's customer at Stripe, made when there is none, or none any more."""
    account = await _account(here, caller)
    known = account.stripe_customer_id
    if known and (customer := await stripe.customer(known)):
        if customer.subscribed:
            raise Conflict("There is a subscription already: change it in the portal.")
        return known
    made = await stripe.create_customer(caller.user_id, account.email, instead_of=known)
    async with here.database.as_user(caller) as connection:
        try:
            linked = await repository.link_customer(connection, made, instead_of=known)
        except CustomerTaken:
            logger.error("Stripe gave somebody else's customer", extra={"customer": made})
            raise Unavailable("Stripe is not available.") from None
    if linked is None:
        raise UserGone
    return linked


async def _account(here: Resources, caller: Principal) -> Account:
    account = await repository.account(here.database, caller)
    if account is None:
        raise UserGone
    return account


def _configured(here: Resources) -> tuple[StripeApi, str]:
    if here.stripe is None:
        raise _not_configured("STRIPE_SECRET_KEY")
    if here.settings.frontend_url is None:
        raise _not_configured("FRONTEND_URL")
    return here.stripe, here.settings.frontend_url


def _not_configured(variable: str) -> Unavailable:
    return Unavailable(f"Stripe is not configured here: {variable} is not set.", retry_after=_NOT_SOON)
