"""Sums of usage."""

from datetime import date

from pydantic import BaseModel, Field


class Count(BaseModel):
    """How often the caller used a feature on a day (UTC)."""

    day: date
    feature: str = Field(examples=["install"])
    usage_count: int = Field(examples=[12])


class Analytics(BaseModel):
    """The caller's usage of the last 30 days, today included: newest day first, then by feature."""

    items: list[Count]
