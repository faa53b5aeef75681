"""Text as callers may send it: PostgreSQL stores no NUL, UTF-8 has no lone surrogates."""

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field

_MAX_EMAIL = 254


def storable(value: str) -> str:
    """The text, when PostgreSQL can store it.

    Raises ValueError.
    """
    if "\0" in value:
        raise ValueError("must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return value


def normalise_email(value: str) -> str:
    """A valid address in lower case; whether mail arrives there is not asked.

    Raises ValueError.
    """
    try:
        # test_environment allows the domain .test, which is nobody's, and changes nothing else.
        checked = validate_email(value.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        # The library's own messages quote the address.
        raise ValueError("must be an e-mail address") from None
    return checked.normalized.lower()


def _storable_if_text(value: object) -> object:
    return storable(value) if isinstance(value, str) else value


Storable = BeforeValidator(_storable_if_text)
"""For a string, secret or not, that is encoded or stored."""

Email = Annotated[
    str,
    Storable,
    Field(min_length=3, max_length=_MAX_EMAIL, json_schema_extra={"format": "email"}),
    AfterValidator(normalise_email),
]
"""An e-mail address, normalised."""
