"""An installation, and what its owner may send."""

import json
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, with_config
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from app.text import NO_NUL, Storable, storable

_MAX_DEPTH: Final = 32
_MAX_ERROR_MESSAGE: Final = 10_000

_EXAMPLE: Final = {"mcpServers": {"nuggetwise": {"command": "npx", "args": ["-y", "nuggetwise-mcp"]}}}

Status = Literal["pending", "installing", "active", "failed"]


def _storable_object(value: dict[str, Any]) -> dict[str, Any]:
    if _too_deep(value, _MAX_DEPTH):
        raise ValueError(f"must not be nested deeper than {_MAX_DEPTH} levels")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except ValueError:
        raise ValueError("must not contain NaN or infinite numbers") from None
    # json.dumps writes a NUL as an escape.
    storable(text.replace("\\\\", "").replace("\\u0000", "\0"))
    return value


def _too_deep(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_too_deep(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_too_deep(item, levels - 1) for item in value)
    return False


JsonObject = Annotated[
    dict[str, Any],
    AfterValidator(_storable_object),
    WithJsonSchema(
        {
            "type": "object",
            "description": f"Any JSON object without NUL characters, at most {_MAX_DEPTH} levels deep.",
            "propertyNames": {"pattern": NO_NUL},
            "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
            "examples": [_EXAMPLE],
        }
    ),
]


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

    mcp_config: JsonObject


@with_config(
    ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "failed", "error_message": "no npx"}]})
)
class InstallationChanges(TypedDict, total=False):
    """What is absent stays as it is; an error message of null removes it."""

    status: Status
    mcp_config: JsonObject
    error_message: Annotated[str, Storable, Field(max_length=_MAX_ERROR_MESSAGE)] | None
