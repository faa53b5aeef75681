"""A user, as they see themselves, and what they may change."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, with_config
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from app.text import Email, Storable


class User(BaseModel):
    """A user."""

    id: UUID
    email: str
    subscription_status: str
    subscription_plan: str
    has_v0_api_key: bool
    created_at: datetime


@with_config(ConfigDict(extra="forbid"))
class UserChanges(TypedDict, total=False):
    """What is absent stays as it is; a v0 key of null removes the one that is stored."""

    email: Email
    v0_api_key: Annotated[SecretStr, Storable, Field(min_length=1, max_length=512)] | None
