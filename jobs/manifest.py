"""What is written beside a dump: what it is, and what must come back when it is restored."""

import json
import secrets
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Final, cast

from jobs.contents import Contents
from jobs.errors import BrokenBackup

ID: Final = r"\d{8}T\d{6}Z-[0-9a-f]{4}"
_TIME: Final = "%Y%m%dT%H%M%SZ"
_NAMES: Final = {"size": "bytes"}  # where the file's name for it is a type's in Python


@dataclass(frozen=True)
class Manifest:
    """`created_at` is the moment (UTC, ISO 8601) whose data the dump has; `size` in bytes and `sha256` are dump.age's.

    `owner` and `api_role` are the roles that the database had: a dump brings none. `seconds` is what dumping
    into the bucket took, without counting.
    """

    id: str
    stack: str
    release: str
    created_at: str
    schema_revision: str | None
    server_version: str
    owner: str
    api_role: str
    recipient: str
    size: int
    sha256: str
    tables: dict[str, int]
    facts: dict[str, str]
    seconds: float

    @property
    def contents(self) -> Contents:
        return Contents(self.tables, self.facts, self.schema_revision)

    @property
    def rows(self) -> int:
        return sum(self.tables.values())

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.created_at)

    def to_json(self) -> bytes:
        return (
            json.dumps({_NAMES.get(name, name): value for name, value in asdict(self).items()}, indent=2) + "\n"
        ).encode()

    @classmethod
    def parse(cls, text: bytes) -> "Manifest":
        """Raises BrokenBackup when it is no manifest. One of a later release may say more."""
        try:
            given = json.loads(text)
            made = cls(**{each.name: given[_NAMES.get(each.name, each.name)] for each in fields(cls)})
            _check(made)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BrokenBackup(f"its manifest is none: {type(error).__name__} {error}") from error
        return made


def _check(made: Manifest) -> None:
    counts = cast("dict[object, object]", made.tables)
    if made.moment.tzinfo is None or not all(isinstance(each, int) for each in (made.size, *counts.values())):
        raise ValueError("a value is not what it should be")
    if not made.facts:
        raise ValueError("it does not describe the schema")


def new_id(now: datetime) -> str:
    """A name that sorts by time and that no other backup has."""
    return f"{stamp(now)}-{secrets.token_hex(2)}"


def stamp(moment: datetime) -> str:
    """A moment as names in the bucket have it, to the second."""
    return f"{moment.astimezone(UTC):{_TIME}}"


def time_of(id: str) -> datetime:
    """The moment that a name in the bucket begins with, such as when a backup of that id was begun."""
    return datetime.strptime(id.partition("-")[0], _TIME).replace(tzinfo=UTC)
