"""Text as callers may send it: PostgreSQL stores no NUL, UTF-8 has no lone surrogates."""

from typing import Annotated, Any, Final

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_MAX_EMAIL = 254
NO_NUL: Final = "^[^\\u0000]*$"


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


class _Storable:
    """Validates before what it stands with, and says so in the JSON schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_storable_if_text, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": NO_NUL}


Storable: Final = _Storable()
"""For a string, secret or not, that is encoded or stored."""

Email = Annotated[
    str,
    BeforeValidator(_storable_if_text),
    Field(min_length=3, max_length=_MAX_EMAIL, json_schema_extra={"format": "email"}, examples=["ada@example.com"]),
    AfterValidator(normalise_email),
]
"""An e-mail address, normalised."""
