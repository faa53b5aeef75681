"""Property values on the wire: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go."""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import struct_pb2

# What stands for a value that only the deployment will know.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker

Path = tuple[str | int, ...]
"""Where in the properties a value stands: names, and places in lists."""

Properties = dict[str, Any]


def opened(struct: struct_pb2.Struct) -> tuple[Properties, frozenset[Path]]:
    """Plain values, and the paths of those that are secret."""
    secrets: set[Path] = set()
    return {name: _opened(value, (name,), secrets) for name, value in struct.fields.items()}, frozenset(secrets)


def plain(struct: struct_pb2.Struct) -> Properties:
    """Plain values where it does not matter which are secret."""
    return opened(struct)[0]


def _opened(value: struct_pb2.Value, path: Path, secrets: set[Path]) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "list_value":
            return [_opened(item, (*path, place), secrets) for place, item in enumerate(value.list_value.values)]
        case "struct_value":
            fields = value.struct_value.fields
            if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET:
                secrets.add(path)
                return _opened(fields["value"], path, secrets)
            return {name: _opened(item, (*path, name), secrets) for name, item in fields.items()}
        case _:
            return None


def closed(properties: Mapping[str, Any], secrets: Iterable[Path] = ()) -> struct_pb2.Struct:
    """For the wire, with what stands at these paths marked as secret."""
    struct = struct_pb2.Struct()
    marked = frozenset(secrets)
    struct.update({name: _closed(value, (name,), marked) for name, value in properties.items()})
    return struct


def _closed(value: Any, path: Path, secrets: frozenset[Path]) -> Any:
    if isinstance(value, dict):
        value = {name: _closed(item, (*path, name), secrets) for name, item in value.items()}
    elif isinstance(value, list):
        value = [_closed(item, (*path, place), secrets) for place, item in enumerate(value)]
    return {SIGNATURE: SECRET, "value": value} if path in secrets else value


def is_asset(value: Any) -> bool:
    """Whether it is a file or an archive, which travel as objects of their own."""
    return isinstance(value, dict) and SIGNATURE in value


def has_unknowns(value: Any) -> bool:
    """Whether a part of it is still to come."""
    if isinstance(value, dict):
        return any(map(has_unknowns, value.values()))
    if isinstance(value, list):
        return any(map(has_unknowns, value))
    return value == UNKNOWN


def shown(path: Path) -> str:
    """As Pulumi writes it: `ingress[0].cidrBlocks`, `tags["a.b"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif set(part) & set('."[]'):
            text += '["{}"]'.format(part.replace('"', '\\"'))
        else:
            text += f".{part}" if text else part
    return text
