"""What the real SDKs know of a resource type: its inputs, nested ones too, which are required, and its outputs."""

import difflib
import inspect
import re
import threading
import typing
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal

import pulumi
from pulumi import _types as types  # pyright: ignore[reportPrivateUsage]

from rehearsal import sdk
from rehearsal.values import UNKNOWN, Path, is_asset, shown

# Sentences, so that "changing this in such and such a case forces a new resource" does not count.
REPLACES = re.compile(
    r"(^|[.(] )(changing (this|this value|this parameter|this field) )?(forces|will force) (a )?"
    r"(new|replacement|re-?creation)|^forces new resource|\(forces new resource\)|\(immutable\)"
    r"|cannot be (changed|updated|modified) after",
    re.IGNORECASE,
)

# Several calls at once would import the same module twice, and half of it would be another's.
_LOADING = threading.RLock()


class UnknownType(LookupError):
    """The SDK has no such resource type. The text names the nearest ones."""


@dataclass(frozen=True)
class Kind:
    """What a value must be. `any` is what the SDK leaves open."""

    name: Literal["string", "boolean", "number", "list", "map", "object", "any"]
    element: "Kind | None" = None
    args: "type | None" = None
    """The SDK's class of an object."""


@dataclass(frozen=True)
class Property:
    """One input. `replaces` is what its documentation says."""

    name: str
    kind: Kind
    required: bool
    replaces: bool


@dataclass(frozen=True)
class Type:
    """A resource type. `outputs` are all its properties, those that are inputs as well among them."""

    token: str
    inputs: Mapping[str, Property]
    outputs: frozenset[str]


@dataclass(frozen=True)
class Mistake:
    """An input that the real provider would refuse."""

    property: str
    reason: str


def described(token: str) -> Type:
    """The type of that token, such as `aws:ec2/vpc:Vpc`. Raises UnknownType."""
    with _LOADING:
        return _described(token)


@cache
def _described(token: str) -> Type:
    package, path, name = token.split(":")
    try:
        module = sdk.module(package, path.removeprefix("index/"))
        resource = getattr(module, name)
    except (sdk.UnknownModule, AttributeError) as error:
        near = _nearest(path.rpartition("/")[2], sdk.neighbours(package, path.removeprefix("index/")))
        raise UnknownType(f"{sdk.DISTRIBUTIONS[package]} has no resource type {token}{near}") from error
    # The module names the class of the arguments first; it is mostly, but not always, called after the resource.
    args = getattr(module, module.__all__[0])
    return Type(token, properties(args), frozenset(types.resource_types(resource)))


def provider(package: str) -> Mapping[str, Property]:
    """The inputs of the provider itself."""
    with _LOADING:
        return properties(sdk.module(package, "provider").ProviderArgs)


@cache
def properties(args: type) -> Mapping[str, Property]:
    """The inputs of an SDK's class of arguments, by their names on the wire."""
    required = {
        name for name, one in inspect.signature(args).parameters.items() if one.default is inspect.Parameter.empty
    }
    hints = types.input_type_types(args)
    return {
        wire: Property(
            wire,
            _kind(hints.get(wire, Any)),
            required=name in required,
            replaces=bool(REPLACES.search(inspect.getdoc(getattr(args, name)) or "")),
        )
        for name, wire in types.input_type_py_to_pulumi_names(args).items()
    }


def _kind(hint: Any) -> Kind:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, UnionType):
        kinds = {_kind(member) for member in typing.get_args(hint) if not _is_plumbing(member)}
        return kinds.pop() if len(kinds) == 1 else Kind("any")
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return Kind("map", _kind(typing.get_args(hint)[1]))
    if inspect.isclass(origin) and issubclass(origin, Sequence):
        return Kind("list", _kind(typing.get_args(hint)[0]))
    if not inspect.isclass(hint):
        return Kind("any")
    if issubclass(hint, bool):
        return Kind("boolean")
    if issubclass(hint, str):
        return Kind("string")
    if issubclass(hint, int | float):
        return Kind("number")
    return Kind("object", args=hint) if types.is_input_type(hint) else Kind("any")


def _is_plumbing(member: Any) -> bool:
    """An Input is a union of the value, something to await and an Output of it."""
    origin = typing.get_origin(member) or member
    return member is NoneType or origin is Awaitable or origin is pulumi.Output


def mistakes(known: Mapping[str, Property], inputs: Mapping[str, Any], path: Path = ()) -> Iterator[Mistake]:
    """What is wrong with these inputs: properties unknown, missing, or of another kind."""
    for name, value in inputs.items():
        if name.startswith("__") or value is None:
            continue
        if name not in known:
            yield Mistake(shown((*path, name)), f"the SDK knows no such property{_nearest(name, known)}")
        else:
            yield from _misfits(known[name].kind, value, (*path, name))
    for name, one in known.items():
        if one.required and inputs.get(name) is None:
            yield Mistake(shown((*path, name)), "is required and missing")


def _misfits(kind: Kind, value: Any, path: Path) -> Iterator[Mistake]:
    if kind.name == "any" or value is None or value == UNKNOWN or is_asset(value):
        return
    if kind.name != _name_of(value) and not (kind.name in ("map", "object") and isinstance(value, dict)):
        yield Mistake(shown(path), f"must be a {kind.name}, not a {_name_of(value)}")
    elif kind.args is not None:
        yield from mistakes(properties(kind.args), value, path)
    elif kind.element is not None:
        items: Iterable[tuple[str | int, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _misfits(kind.element, item, (*path, key))


def _name_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "list"
        case _:
            return "map"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
