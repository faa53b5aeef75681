"""`/api/webhooks`."""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from app.problems import documented
from app.resources import Here
from app.webhooks import service
from app.webhooks.schemas import Receipt

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

# The signature is over the body's bytes, so FastAPI must not read it, and has to be told what it is.
_BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


@router.post("/stripe", responses=documented(400, 409, 413, 422, 503), openapi_extra={"requestBody": _BODY})
async def receive_stripe(
    here: Here, request: Request, stripe_signature: Annotated[str | None, Header()] = None
) -> Receipt:
    """For Stripe: an event, signed with the endpoint's secret within the last five minutes (400 otherwise).

    Stripe delivers whatever is not answered with 2xx again, for three days. 409: the customer is nobody here (yet).
    422: the price is in no plan (yet).
    """
    return await service.receive(here, request, stripe_signature)
