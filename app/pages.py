"""Paging by key: a cursor is the last row that was shown, opaque to the caller."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Query

from app.problems import Unprocessable

Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
CursorText = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]


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
