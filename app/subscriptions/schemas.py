"""A subscription as its owner sees it, and what leads to one."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Subscription(BaseModel):
    """What the caller has: `free` and no period for whoever never subscribed.

    `plan` is what they are entitled to now, so it is `free` again when `status` is `canceled` or `unpaid`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "plan": "pro",
                    "status": "active",
                    "current_period_start": "2026-11-01T09:30:00Z",
                    "current_period_end": "2026-12-01T09:30:00Z",
                },
                {"plan": "free", "status": "free", "current_period_start": None, "current_period_end": None},
            ]
        }
    )

    plan: str
    status: str
    current_period_start: datetime | None
    current_period_end: datetime | None


class CheckoutRequest(BaseModel):
    """The plan to pay for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"plan": "pro"}]})

    plan: Literal["pro"]


class Page(BaseModel):
    """A page of Stripe's to send the caller to. It is theirs alone, and good for a short while."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://checkout.stripe.com/c/pay/cs_test_a1"}]})

    url: str
