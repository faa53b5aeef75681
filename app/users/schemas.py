"""A user, as they see themselves, and what they may change."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, with_config
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from app.text import Email, Storable


class User(BaseModel):
    """A user."""

    id: UUID = Field(examples=["5d0c7a52-9f3e-4d43-8f0f-6a1b2c3d4e5f"])
    email: str = Field(examples=["ada@example.com"])
    subscription_status: str = Field(examples=["free"])
    subscription_plan: str = Field(examples=["free"])
    has_v0_api_key: bool
    created_at: datetime


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [{"v0_api_key": "v1:team:0123456789"}]}))
class UserChanges(TypedDict, total=False):
    """What is absent stays as it is; a v0 key of null removes the one that is stored."""

    email: Email
    v0_api_key: Annotated[SecretStr, Storable, Field(min_length=1, max_length=512)] | None
