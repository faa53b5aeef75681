"""Policy documents as plain data."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra import policy
from infra.policy import Statement

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, white space not counted
MANAGED_POLICY_SIZE = 6144


def allow(
    sid: str, actions: Sequence[str], resources: Sequence[str] | str, condition: Mapping[str, Any] | None = None
) -> Statement:
    """One statement that allows `actions` on `resources`, under `condition`."""
    statement: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources}
    if condition:
        statement["Condition"] = dict(condition)
    return statement


def document(statements: Iterable[Statement]) -> str:
    """The policy of `statements` as compact JSON: AWS counts each character of it."""
    return json.dumps(policy.document(statements), separators=(",", ":"))
