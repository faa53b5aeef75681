"""Stripe's events, as far as the API reads them."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["trialing", "active", "past_due", "canceled", "incomplete", "incomplete_expired", "unpaid", "paused"]

_YEAR_9999: Final = 253_402_300_799

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,255}$")]
_Seconds = Annotated[int, Field(ge=0, le=_YEAR_9999)]


class Event(BaseModel):
    """What every event says of itself."""

    id: _Id
    type: str


class _Price(BaseModel):
    id: str


class _Period(BaseModel):
    current_period_start: _Seconds | None = None
    current_period_end: _Seconds | None = None


class Item(_Period):
    """One price of a subscription."""

    price: _Price


class _Items(BaseModel):
    data: Annotated[list[Item], Field(min_length=1)]


class StripeSubscription(_Period):
    """A subscription at the moment of its event.

    An event is worded in the API version of its endpoint, not in the library's: until 2025-03-31 the period stood in
    the subscription, since then in each of its items.
    """

    id: _Id
    customer: _Id
    status: Status
    items: _Items

    def item(self, prices: tuple[str, ...]) -> Item | None:
        """The item with one of these prices."""
        return next((item for item in self.items.data if item.price.id in prices), None)

    def period(self, item: Item) -> tuple[datetime | None, datetime | None]:
        """The first and the last moment of what was paid for this item."""
        whole = item if item.current_period_end is not None else self
        return _time(whole.current_period_start), _time(whole.current_period_end)


class _Data(BaseModel):
    object: StripeSubscription


class SubscriptionEvent(Event):
    """Something happened to a subscription."""

    created: _Seconds
    data: _Data

    @property
    def created_at(self) -> datetime:
        """When, to the second."""
        return datetime.fromtimestamp(self.created, UTC)


class Receipt(BaseModel):
    """What became of an event: applied, known already, older than what is known, or of no interest here."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "applied"}]})

    outcome: Literal["applied", "duplicate", "stale", "ignored"]


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
