"""What stops a run, in words that may be shown: no password survives `scrubbed`."""

import re
from collections.abc import Iterable
from functools import partial
from urllib.parse import quote, quote_plus

HIDDEN = "***"


class MigrationError(Exception):
    """A run cannot go on; the message says why and what to do."""


class SettingError(MigrationError):
    """A variable is missing or unusable."""


def scrubbed(message: str, secrets: Iterable[str]) -> str:
    """The message without the secrets, also as a URL has them, and without what is shaped like a password."""
    quoting = (str, quote, quote_plus, partial(quote, safe=""))
    forms = {quoted(secret) for secret in secrets for quoted in quoting}
    for form in sorted(filter(None, forms), key=len, reverse=True):
        message = message.replace(form, HIDDEN)
    message = re.sub(r"(://[^:/@\s]*:)[^@\s]+@", rf"\1{HIDDEN}@", message)
    return re.sub(r"(password\s*=\s*)('[^']*'|[^\s&]+)", rf"\1{HIDDEN}", message, flags=re.IGNORECASE)
