"""What the backups are told by environment variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, cast, get_args

from migrations.errors import SettingError
from migrations.settings import DEFAULT_API_ROLE

Expiry = Literal["tag", "delete"]

PURPOSE: Final = {
    "BACKUP_BUCKET": "the bucket that the backups are in",
    "BACKUP_RECIPIENT": "age's public recipient (age1…) that backups are encrypted for",
    "BACKUP_IDENTITY": "age's secret identity (AGE-SECRET-KEY-1…) that opens the backups",
    "WORK_DIR": "a folder with room for a dump and the database restored from it",
}
SECRETS: Final = ("BACKUP_IDENTITY", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class Bucket:
    """Where the backups are. `endpoint` and `authority` (PEM) belong to a store that is not AWS's own."""

    name: str
    prefix: str
    region: str
    endpoint: str | None
    authority: str | None
    expiry: Expiry

    def __str__(self) -> str:
        return f"the bucket {self.name}" + (f" at {self.endpoint}" if self.endpoint else "")


@dataclass(frozen=True)
class Keys:
    """age's public recipient, and the identities (one or several, by white space) of which one opens what is read."""

    recipient: str
    identities: str = field(repr=False)


@dataclass(frozen=True)
class Source:
    """What a manifest says of where the backup came from."""

    stack: str
    release: str
    api_role: str


def bucket(environment: Mapping[str, str]) -> Bucket:
    """Raises SettingError when a variable is missing or of no use."""
    expiry = environment.get("BACKUP_EXPIRY") or "tag"
    if expiry not in get_args(Expiry):
        raise SettingError(f"BACKUP_EXPIRY is {expiry!r}: set it to {' or '.join(get_args(Expiry))}")
    prefix = environment.get("BACKUP_PREFIX") or "database/"
    if not prefix.endswith("/"):
        raise SettingError(f"BACKUP_PREFIX is {prefix!r}: let it end with a slash")
    return Bucket(
        name=_wanted(environment, "BACKUP_BUCKET"),
        prefix=prefix,
        region=environment.get("AWS_REGION") or "us-east-1",
        endpoint=environment.get("S3_ENDPOINT_URL") or None,
        authority=environment.get("S3_CA") or None,
        expiry=cast(Expiry, expiry),
    )


def keys(environment: Mapping[str, str]) -> Keys:
    """Raises SettingError when one is missing or is no key of age's. No message quotes the secret one."""
    recipient = _wanted(environment, "BACKUP_RECIPIENT")
    if not re.fullmatch(r"age1[0-9a-z]{58}", recipient):
        raise SettingError(f"BACKUP_RECIPIENT is {recipient!r}: set it to {PURPOSE['BACKUP_RECIPIENT']}")
    return Keys(recipient, identities(environment))


def identities(environment: Mapping[str, str]) -> str:
    """The secret ones alone, a line each."""
    given = _wanted(environment, "BACKUP_IDENTITY").split()
    if not all(re.fullmatch(r"AGE-SECRET-KEY-1[0-9A-Z]{58}", each) for each in given):
        raise SettingError(f"BACKUP_IDENTITY is not one: set it to {PURPOSE['BACKUP_IDENTITY']}")
    return "\n".join(given) + "\n"


def source(environment: Mapping[str, str]) -> Source:
    return Source(
        stack=environment.get("STACK") or "unknown",
        release=environment.get("APP_VERSION") or "unknown",
        api_role=environment.get("API_ROLE") or DEFAULT_API_ROLE,
    )


def work_dir(environment: Mapping[str, str]) -> Path:
    return Path(_wanted(environment, "WORK_DIR"))


def _wanted(environment: Mapping[str, str], variable: str) -> str:
    value = environment.get(variable)
    if not value:
        raise SettingError(f"{variable} is not set: set it to {PURPOSE[variable]}")
    return value
