"""An installation, and what its owner may send."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from app.json_objects import JsonObject
from app.text import Storable

_MAX_ERROR_MESSAGE: Final = 10_000

Status = Literal["pending", "installing", "active", "failed"]


class Installation(BaseModel):
    """An installation."""

    id: UUID
    status: Status
    mcp_config: dict[str, Any]
    error_message: str | None
    created_at: datetime
    updated_at: datetime


class InstallationPage(BaseModel):
    """Some installations, newest first, and where the next ones begin."""

    items: list[Installation]
    next_cursor: str | None


class NewInstallation(BaseModel):
    """What an installation is made of."""

    model_config = ConfigDict(extra="forbid")

    mcp_config: JsonObject


@with_config(ConfigDict(extra="forbid"))
class InstallationChanges(TypedDict, total=False):
    """What is absent stays as it is; an error message of null removes it."""

    status: Status
    mcp_config: JsonObject
    error_message: Annotated[str, Storable, Field(max_length=_MAX_ERROR_MESSAGE)] | None
