"""Policy documents as plain data, which AWS's services take as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

Statement = dict[str, Any]


def document(statements: Iterable[pulumi.Input[Statement]]) -> dict[str, Any]:
    """A policy of these statements, in the one version of the language that has conditions and variables."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def assumed_by(service: str, condition: Mapping[str, Any]) -> dict[str, Any]:
    """Lets an AWS service take a role, under a condition that says for whom (the confused deputy).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
                "Condition": condition,
            }
        ]
    )
