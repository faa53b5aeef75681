"""`/api/subscriptions`."""

from fastapi import APIRouter

from app.auth.caller import Caller
from app.problems import documented
from app.resources import Here
from app.subscriptions import service
from app.subscriptions.schemas import CheckoutRequest, Page, Subscription

router = APIRouter(prefix="/api/subscriptions", tags=["subscriptions"])


@router.get("/current", responses=documented(401, 503))
async def read_current(here: Here, caller: Caller) -> Subscription:
    """What the caller has now, as far as Stripe has told."""
    return await service.current(here, caller)


@router.post("/checkout", responses=documented(400, 401, 409, 413, 422, 503))
async def check_out(here: Here, caller: Caller, wish: CheckoutRequest) -> Page:
    """A page on which to subscribe; asked again, the same one until it is paid or expires.

    409: there is a subscription already, which is changed in the portal.
    """
    return Page(url=await service.checkout(here, caller, wish.plan))


@router.post("/portal", responses=documented(401, 409, 503))
async def open_portal(here: Here, caller: Caller) -> Page:
    """A page on which to change the payment method, see invoices, or cancel.

    409: the caller never went to a checkout, so there is nothing to see.
    """
    return Page(url=await service.portal(here, caller))
