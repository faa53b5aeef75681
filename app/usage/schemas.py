"""A row of usage, and what a client may tell."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.components.repository import FEATURE as GENERATION
from app.json_objects import SmallJsonObject

_MAX_COUNT = 2**31 - 1  # a PostgreSQL integer


def _not_counted_here(feature: str) -> str:
    if feature == GENERATION:
        raise ValueError(f"must not be {GENERATION}: the API itself counts those")
    return feature


def _number(value: object) -> object:
    """JSON knows 2.0 for a whole number, and neither text nor truth."""
    if isinstance(value, str | bool):
        raise ValueError("must be a whole number")
    return value


Feature = Annotated[
    str,
    # ASCII only: what looks like another feature is that feature.
    Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$"),
    Field(json_schema_extra={"not": {"const": GENERATION}}),
    AfterValidator(_not_counted_here),
]


class NewUsage(BaseModel):
    """What was used, and how often."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"feature": "install", "usage_count": 1, "metadata": {"client": "cli"}}]},
    )

    feature: Feature
    usage_count: Annotated[int, Field(ge=1, le=_MAX_COUNT), BeforeValidator(_number)] = 1
    metadata: SmallJsonObject = {}


class Usage(BaseModel):
    """One row of usage."""

    id: UUID
    feature: str = Field(examples=["install"])
    usage_count: int = Field(examples=[1])
    metadata: dict[str, Any] = Field(examples=[{"client": "cli"}])
    created_at: datetime


class UsagePage(BaseModel):
    """Some usage, newest first, and where the next begins."""

    items: list[Usage]
    next_cursor: str | None = Field(examples=[None])
