"""What schemathesis cannot read in the document: how to log in, and what a cursor looks like. It loads this file."""

import os
import secrets
from datetime import UTC
from typing import Any

import httpx
import schemathesis
from hypothesis import strategies as st

from app.pages import Cursor

schemathesis.openapi.format(
    "cursor", st.builds(Cursor, st.datetimes(timezones=st.just(UTC)), st.uuids()).map(Cursor.encode)
)

# What ends the token that it is called with, and so gets one of its own each time.
ENDING = {("POST", "/api/auth/logout"), ("DELETE", "/api/users/me")}


def new_token() -> str:
    body = {"email": f"{secrets.token_hex(8)}@example.com", "password": secrets.token_hex(12)}
    answer = httpx.post(f"{os.environ['API_URL']}/api/auth/register", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()["access_token"]


@schemathesis.auth(refresh_interval=None)
class Token:
    """One person for everything, so that what is made can be read, changed and removed again."""

    shared: str | None = None

    def get(self, case: Any, _context: Any) -> str:
        if (case.method, case.operation.path) in ENDING:
            return new_token()
        if self.shared is None:
            self.shared = new_token()
        return self.shared

    def set(self, case: Any, data: str, _context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"
