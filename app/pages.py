"""Paging by key: a cursor is the last row that was shown, opaque to the caller."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Query
from pydantic import Field

from app.problems import Unprocessable

Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.", examples=[20])]
# The format is ours: whoever generates requests from the document sees that not every text is one.
_CursorText = Annotated[str, Field(max_length=200, json_schema_extra={"format": "cursor"})]
CursorText = Annotated[
    _CursorText | None,
    Query(
        description="`next_cursor` of the page before.",
        examples=["MjAyNi0wMS0zMVQxMjowMDowMCswMDowMHwwYjlmOGEzZS00YjhmLTRhNDctOWYwYy0xMTExMTExMTExMTE"],
    ),
]


class Cursor(NamedTuple):
    """Where a page ended, in the order newest first."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        """The cursor as callers carry it."""
        return base64.urlsafe_b64encode(f"{self.created_at.isoformat()}|{self.id}".encode()).decode().rstrip("=")


def decode_cursor(text: str | None) -> Cursor | None:
    """The cursor that a caller sent back.

    Raises Unprocessable when it is none of ours.
    """
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        created_at, _, row_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition("|")
        cursor = Cursor(datetime.fromisoformat(created_at), UUID(row_id))
    except (binascii.Error, ValueError):
        raise Unprocessable("The cursor is not one that this API gave.") from None
    if cursor.created_at.tzinfo is None:
        raise Unprocessable("The cursor is not one that this API gave.")
    return cursor
