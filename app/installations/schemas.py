"""An installation, and what its owner may send."""

import json
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from app.text import Storable, storable

_MAX_DEPTH: Final = 32
_MAX_ERROR_MESSAGE: Final = 10_000

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


JsonObject = Annotated[dict[str, Any], AfterValidator(_storable_object)]


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
