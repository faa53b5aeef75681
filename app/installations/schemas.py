"""An installation, and what its owner may send."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from app.json_objects import JsonObject
from app.text import Storable

_MAX_ERROR_MESSAGE: Final = 10_000

_EXAMPLE: Final = {"mcpServers": {"nuggetwise": {"command": "npx", "args": ["-y", "nuggetwise-mcp"]}}}

Status = Literal["pending", "installing", "active", "failed"]


class Installation(BaseModel):
    """An installation."""

    id: UUID = Field(examples=["0b9f8a3e-4b8f-4a47-9f0c-2d7a6c1e5b90"])
    status: Status = Field(examples=["failed"])
    mcp_config: dict[str, Any] = Field(examples=[_EXAMPLE])
    error_message: str | None = Field(examples=["npx was not found"])
    created_at: datetime
    updated_at: datetime


class InstallationPage(BaseModel):
    """Some installations, newest first, and where the next ones begin."""

    items: list[Installation]
    next_cursor: str | None = Field(examples=[None])


class NewInstallation(BaseModel):
    """What an installation is made of."""

    model_config = ConfigDict(extra="forbid")

    mcp_config: JsonObject = Field(examples=[_EXAMPLE])


@with_config(
    ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "failed", "error_message": "no npx"}]})
)
class InstallationChanges(TypedDict, total=False):
    """What is absent stays as it is; an error message of null removes it."""

    status: Status
    mcp_config: JsonObject
    error_message: Annotated[str, Storable, Field(max_length=_MAX_ERROR_MESSAGE)] | None
