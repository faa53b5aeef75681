"""Resources as the engine shows them to a policy, and what a control says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.control import STACK, Control
from policies.undecided import Undecided

UNKNOWN = UNKNOWN_STRING_VALUE
"""What stands for a value that a preview does not know yet."""

Sample = Sequence[PolicyResource]


@dataclass(frozen=True)
class Case:
    """Stacks that a control accepts, and stacks that it must not accept."""

    passes: Sequence[Sample]
    fails: Sequence[Sample]


def declared(
    kind: str,
    name: str,
    props: Mapping[str, Any] | None = None,
    *,
    stack: str = "production",
    project: str = "nuggetwise",
    **references: PolicyResource,
) -> PolicyResource:
    """A resource. `references` are properties that are outputs of others, and so not known before those are made."""
    return PolicyResource(
        kind,
        unknown_checking_proxy({**dict.fromkeys(references, UNKNOWN), **(props or {})}),
        f"urn:pulumi:{stack}::{project}::{kind}::{name}",
        name,
        _options(),
        None,
        None,
        list(references.values()),
        {by: [target] for by, target in references.items()},
    )


def root(project: str = "nuggetwise") -> PolicyResource:
    """The resource that stands for the stack itself."""
    return declared(STACK, f"{project}-production", project=project)


def violations(control: Control, sample: Sample, undecided: Undecided | None = None) -> list[str]:
    """What the control's policy reports on a stack of these resources, asked as the engine asks."""
    found: list[str] = []

    def report(message: str, urn: str | None = None) -> None:
        assert urn in [resource.urn for resource in sample]
        found.append(message)

    policy = control.policy(undecided or Undecided())
    if isinstance(policy, StackValidationPolicy):
        policy.validate(StackValidationArgs(list(sample)), report)
        return found
    assert isinstance(policy, ResourceValidationPolicy)
    for r in sample:
        args = ResourceValidationArgs(r.resource_type, r.props, r.urn, r.name, r.opts, None)
        policy.validate(args, report)
    return found


def _options() -> PolicyResourceOptions:
    return PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
