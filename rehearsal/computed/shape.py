"""How a shape is written: texts with fields, as in `arn:aws:sns:{region}:{account}:{name}`, or functions."""

import re
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rehearsal.cloud import Cloud
from rehearsal.schema import Type

ALPHABETS = {
    "hex": "0123456789abcdef",
    "digits": string.digits,
    "upper": string.ascii_uppercase + "234567",
    "lower": string.ascii_lowercase + string.digits,
    "mixed": string.ascii_letters + string.digits,
}
RANDOM = re.compile(rf"({'|'.join(ALPHABETS)})(\d+)")


@dataclass(frozen=True)
class Place:
    """Whose cloud it is and where: what the provider was configured with."""

    account: str
    region: str = ""
    default_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    registry: str = ""
    """Where the rehearsal's own image registry listens, such as 127.0.0.1:5001."""


class Fields(dict[str, Any]):
    """What a shape may refer to: the inputs, the place, and what was computed before it.

    `{hex17}` is 17 random hexadecimal digits, and likewise the other ALPHABETS.
    """

    def __init__(self, kind: Type, inputs: Mapping[str, Any], place: Place, cloud: Cloud) -> None:
        super().__init__({name: value for name, value in inputs.items() if not name.startswith("__")})
        self.kind, self.place, self.cloud = kind, place, cloud
        if "region" in kind.outputs:
            self["region"] = self.get("region") or place.region

    def __missing__(self, name: str) -> Any:
        if found := RANDOM.fullmatch(name):
            return "".join(secrets.choice(ALPHABETS[found[1]]) for _ in range(int(found[2])))
        match name:
            case "uuid":
                return str(uuid.uuid4())
            case "now":
                return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            case "account" | "region":
                return getattr(self.place, name)
            case _:
                raise KeyError(f"{self.kind.token} has no {name} for the shape that wants it")

    def fill(self, name: str, value: "Value") -> None:
        """Computes one more."""
        self[name] = value.format_map(self) if isinstance(value, str) else value(self)


Value = str | Callable[[Fields], Any]


@dataclass(frozen=True)
class Shape:
    """The id of a type's resources, and its computed outputs in the order in which they build on each other."""

    id: Value
    outputs: Mapping[str, Value] = field(default_factory=dict[str, Value])


def shape(id: Value, /, **outputs: Value) -> Shape:
    """A Shape, written as a call."""
    return Shape(id, outputs)


def fixed(value: Any) -> Callable[[Fields], Any]:
    """A value that is always the same."""
    return lambda _: value
