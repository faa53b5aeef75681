"""Logs: one JSON object a line on stdout, with the request's id and without secrets."""

import json
import logging
import re
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from app.settings import Settings

SERVICE: Final = "nuggetwise-api"
REDACTED: Final = "[redacted]"

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_SECRET_KEY = re.compile(r"authorization|cookie|passw|pwd|secret|token|api_?key|encryption_?key|dsn", re.IGNORECASE)
# Secrets that no setting knows: a caller's token or key, a hash, a password in a URL or a key=value pair. An e-mail
# address is no secret, but personal.
_SECRET_TEXT = re.compile(
    r"""
    (?P<scheme>\bBearer\s+)[^\s"'\\,]+
    | (?P<header>\bauthorization\b\W{1,8}(?:b['"])?(?:\w+\s+)?)[^\s"'\\,]+
    | \beyJ[\w-]+\.[\w-]+\.[\w-]*
    | \b[sr]k_(?:live|test)_\w+
    | \bwhsec_[\w+/=]+
    | \bv1:[\w-]+:[\w+/=-]+
    | \$argon2[^\s"'\\]+
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+
    | (?P<url>\b[a-z][a-z0-9+.-]*://[^\s:/@"\\]*:)[^\s/@"\\]+(?=@)
    | (?P<pair>\b(?:password|passwd|pwd|secret|access_token|token|api[_-]?key)\b["'\\]*\s*[=:]\s*["'\\]*)[^\s"'\\,;&}]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Every alternative above holds one of these: looking for them first is 20 times faster.
_MARKS: Final = (
    "@",
    "authorization",
    "sk_",
    "rk_",
    "whsec_",
    "v1:",
    "bearer",
    "eyj",
    "$argon2",
    "://",
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
)

# PostgreSQL puts whole rows in there ("Failing row contains …"), line breaks and all.
_ERROR_DETAIL = re.compile(
    r"^DETAIL:.*?(?=\n\nDuring handling of|\n\nThe above exception|\Z)", re.MULTILINE | re.DOTALL
)

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


def set_request_id(value: str) -> None:
    """From here on, in this request's context, log lines and problem documents carry this id."""
    _request_id.set(value)


def current_request_id() -> str | None:
    """The id of the request that is being served, if any."""
    return _request_id.get()


class Redactor:
    """Takes known secret values, and what looks like a secret, out of text and out of structures."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # As written, and as JSON and Python write it; the longest first, so that a URL goes whole.
        spellings = {
            form for secret in secrets if secret for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1])
        }
        self._known = sorted(spellings, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        text = self.known_values(text)
        if "DETAIL:" in text:
            text = _ERROR_DETAIL.sub(f"DETAIL: {REDACTED}", text)
        lowered = text.lower()
        if any(mark in lowered for mark in _MARKS):
            text = _SECRET_TEXT.sub(_keep_lead, text)
        return text

    def known_values(self, text: str) -> str:
        """The text without the secrets of the settings, wherever they stand."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def value(self, value: object, depth: int = 0) -> object:
        """A structure without secrets: also what stands under a key that names one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool | int | float | None):
            return value
        if depth > 8:
            return "[too deep]"
        if isinstance(value, dict):
            return {
                str(key): REDACTED if _SECRET_KEY.search(str(key)) else self.value(item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth + 1) for item in value]
        return self.text(str(value))


def _keep_lead(match: re.Match[str]) -> str:
    lead = match["scheme"] or match["header"] or match["url"] or match["pair"] or ""
    return lead + REDACTED


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def __init__(self, version: str, redactor: Redactor) -> None:
        super().__init__()
        self._version = version
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        head = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": SERVICE,
            "version": self._version,
            "logger": record.name,
        }
        line: dict[str, object] = {
            "message": self._redactor.text(record.getMessage()),
            "request_id": _request_id.get(),
        }
        for key, value in vars(record).items():
            if key not in _STANDARD and key not in line and key not in head:
                line[key] = REDACTED if _SECRET_KEY.search(key) else self._redactor.value(value)
        if record.stack_info:
            line["stack"] = self._redactor.text(record.stack_info)
        if record.exc_info:
            line["exception"] = self._redactor.text(self.formatException(record.exc_info))
        # Last, over all that is not ours: whatever way a secret of the settings got in, it does not get out.
        tail = self._redactor.known_values(json.dumps(line, default=str))
        return f"{json.dumps(head)[:-1]}, {tail[1:]}"


class OnceInAWhile(logging.Filter):
    """Lets the same message through once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._told_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it was not told lately; by its format, which has no values and so is one of a few."""
        message = str(record.msg)
        if record.created - self._told_at.get(message, 0.0) < self._seconds:
            return False
        self._told_at[message] = record.created
        return True


def configure_logs(settings: Settings) -> None:
    """Sends every logger's records, uvicorn's too, through one handler to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(settings.app_version, Redactor(settings.secret_values)))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # They tell of every request at info.
    for name in ("psycopg.pool", "httpx", "stripe"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # While the database is away it tells of every attempt to connect.
    logging.getLogger("psycopg.pool").addFilter(OnceInAWhile(10.0))
