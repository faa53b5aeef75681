"""Cursors: what was given comes back, anything else is refused."""

import base64
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.pages import Cursor, decode_cursor
from app.problems import Unprocessable


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_cursor_comes_back_as_it_was_given():
    for microsecond in (0, 1, 999_999):
        cursor = Cursor(datetime(2026, 11, 22, 23, 59, 1, microsecond, tzinfo=UTC), uuid4())
        text = cursor.encode()
        assert decode_cursor(text) == cursor
        assert text.replace("-", "").replace("_", "").isalnum(), "it needs no escaping in a URL"


def test_no_cursor_is_the_beginning():
    assert decode_cursor(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "zzz",
        "!!!!",
        "é",
        "a" * 199,
        encoded("2026-11-22T00:00:00+00:00"),
        encoded("2026-11-22T00:00:00+00:00|7"),
        encoded(f"yesterday|{UUID(int=1)}"),
        encoded(f"2026-11-22T00:00:00|{UUID(int=1)}"),
        base64.urlsafe_b64encode(b"\xff|\xff").decode(),
    ],
)
def test_anything_else_is_refused(text: str):
    with pytest.raises(Unprocessable):
        decode_cursor(text)
