"""JSON objects as callers may send them: PostgreSQL can store them, and they can be shown again."""

import json
from typing import Annotated, Any, Final

from pydantic import AfterValidator, WithJsonSchema

from app.text import NO_NUL, storable

_MAX_DEPTH: Final = 32
_MAX_SMALL: Final = 8 * 1024  # bytes


def _storable_object(value: dict[str, Any]) -> dict[str, Any]:
    _encoded(value)
    return value


def _small_object(value: dict[str, Any]) -> dict[str, Any]:
    if len(_encoded(value)) > _MAX_SMALL:
        raise ValueError(f"must not be longer than {_MAX_SMALL} bytes")
    return value


def _encoded(value: dict[str, Any]) -> bytes:
    if _too_deep(value, _MAX_DEPTH):
        raise ValueError(f"must not be nested deeper than {_MAX_DEPTH} levels")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except ValueError:
        raise ValueError("must not contain NaN or infinite numbers") from None
    # json.dumps writes a NUL as an escape.
    storable(text.replace("\\\\", "").replace("\\u0000", "\0"))
    return text.encode()


def _too_deep(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_too_deep(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_too_deep(item, levels - 1) for item in value)
    return False


def _schema(size: str) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "object",
            "description": f"Any JSON object {size}without NUL characters, at most {_MAX_DEPTH} levels deep.",
            "propertyNames": {"pattern": NO_NUL},
            "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
        }
    )


JsonObject = Annotated[dict[str, Any], AfterValidator(_storable_object), _schema("")]
"""An object of any size that a request may have."""

SmallJsonObject = Annotated[dict[str, Any], AfterValidator(_small_object), _schema("of at most 8 KiB, ")]
"""An object of at most 8 KiB."""
