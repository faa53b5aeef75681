"""Policy documents, as far as controls ask about them."""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

Statement = Mapping[str, Any]


def statements(document: Any) -> list[Statement]:
    """The statements of a policy document, given as JSON. Raises JSONDecodeError."""
    parsed = json.loads(document) if isinstance(document, str) else document
    return listed(parsed.get("Statement"))


def listed(value: Any) -> list[Any]:
    """What IAM accepts alone or as a list, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str | Mapping) else list(value)


def is_public(statement: Statement) -> bool:
    """Whether it allows something to everybody. A condition on fixed values narrows that, one with wildcards does not.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    return statement.get("Effect") == "Allow" and _is_everybody(statement) and not _is_narrowed(statement)


def concerns(statement: Statement, actions: Iterable[str]) -> bool:
    """Whether it is about any of these actions."""
    if "NotAction" in statement:
        return not all(_matches(statement["NotAction"], action) for action in actions)
    return any(_matches(statement.get("Action"), action) for action in actions)


def _is_everybody(statement: Statement) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    return "*" in listed(principal.get("AWS") if isinstance(principal, Mapping) else principal)


def _is_narrowed(statement: Statement) -> bool:
    tests = (statement.get("Condition") or {}).values()
    values = [str(value) for test in tests for given in test.values() for value in listed(given)]
    return bool(values) and not any("*" in value or "?" in value or "${" in value for value in values)


def _matches(patterns: Any, action: str) -> bool:
    # IAM's actions know no case.
    return any(fnmatchcase(action.lower(), str(pattern).lower()) for pattern in listed(patterns))
