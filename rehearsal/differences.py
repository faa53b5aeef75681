"""What changes between two sets of inputs."""

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

from rehearsal.values import Path


class Change(Enum):
    """What happens to one value."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


def between(old: Any, new: Any, path: Path = ()) -> Iterator[tuple[Path, Change]]:
    """Each value that differs. An empty list or object is as good as none, and a JSON text is what it says."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from between(old.get(name), new.get(name), (*path, name))
    elif isinstance(old, list) and isinstance(new, list):
        for place in range(max(len(old), len(new))):
            yield from between(_at(old, place), _at(new, place), (*path, place))
    elif _is_empty(new):
        if not _is_empty(old):
            yield path, Change.DELETE
    elif _is_empty(old):
        yield path, Change.ADD
    elif not _same(old, new):
        yield path, Change.UPDATE


def _at(items: list[Any], place: int) -> Any:
    return items[place] if place < len(items) else None


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _same(old: Any, new: Any) -> bool:
    if old == new and isinstance(old, bool) == isinstance(new, bool):
        return True
    return _is_document(old) and _is_document(new) and _parsed(old) == _parsed(new)


def _is_document(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("{", "[")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
