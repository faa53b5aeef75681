"""Somebody who uses the rehearsed API, by HTTP."""

import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Person:
    """An address and a password that nobody else has."""

    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.com")
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)

    def registers(self, api: str) -> int:
        """The status of the answer, 201 when it is done."""
        return self._posts(f"{api}/api/auth/register")

    def logs_in(self, api: str) -> int:
        """The status of the answer: 200, or 401 where nobody knows the person."""
        return self._posts(f"{api}/api/auth/login")

    def _posts(self, url: str) -> int:
        body = json.dumps({"email": self.email, "password": self.password}).encode()
        return status(urllib.request.Request(url, body, {"Content-Type": "application/json"}))  # noqa: S310


def health(api: str) -> int:
    """The status of `/api/health`: 503 while the database is away."""
    return status(urllib.request.Request(f"{api}/api/health"))  # noqa: S310


def status(request: urllib.request.Request) -> int:
    """That of the answer; 0 where none comes."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - an address of ours
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
