"""What a control is, and how it becomes a policy of the pack."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_policy import (
    Policy,
    PolicyComplianceFramework,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies import exceptions
from policies.undecided import Undecided

GUIDE = "https://docs.aws.amazon.com/securityhub/latest/userguide"
FRAMEWORK = PolicyComplianceFramework(
    "AWS Foundational Security Best Practices", reference=f"{GUIDE}/fsbp-standard.html"
)

# The resource that stands for the stack itself; a control of what must be there at all is a control of this one.
STACK = "pulumi:pulumi:Stack"

Props = Mapping[str, Any]
"""Properties as the engine has them (camelCase). Reading one that a preview does not know raises UnknownValueError."""


class Stack:
    """All resources of a stack, and how they refer to each other."""

    def __init__(self, resources: Iterable[PolicyResource]) -> None:
        self.resources = tuple(resources)

    def of(self, *types: str) -> list[PolicyResource]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.resource_type in types]

    def attached(self, target: PolicyResource, kind: str, by: str) -> list[PolicyResource]:
        """The resources of this type whose property `by` is an output of the target.

        That is known in a preview too, where the target's id is not.
        """
        return [resource for resource in self.of(kind) if refers(resource, by, target)]

    def dependents(self, target: PolicyResource) -> list[PolicyResource]:
        """The resources that take anything from the target."""
        return [r for r in self.resources if any(found.urn == target.urn for found in r.dependencies)]


def refers(resource: PolicyResource, by: str, target: PolicyResource) -> bool:
    """Whether the property `by` is an output of the target."""
    return any(found.urn == target.urn for found in resource.property_dependencies.get(by, ()))


@dataclass(frozen=True, kw_only=True)
class Control(ABC):
    """One control: what must hold (`title`), for which types, why (`reason`) and what to do otherwise (`fix`)."""

    id: str
    title: str
    severity: Severity
    types: tuple[str, ...]
    reason: str
    fix: str

    @property
    def name(self) -> str:
        """The policy's name: RDS.3 is rds-3."""
        return self.id.lower().replace(".", "-")

    @property
    def url(self) -> str:
        """Where AWS describes the control."""
        return f"{GUIDE}/{self.id.partition('.')[0].lower()}-controls.html#{self.name}"

    def _described(self) -> dict[str, Any]:
        """What a policy says of itself beyond its name."""
        return {"display_name": self.id, "framework": FRAMEWORK, "remediation_steps": self.fix, "url": self.url}

    @abstractmethod
    def policy(self, undecided: Undecided) -> Policy:
        """The control as a policy; what it cannot decide goes to `undecided`."""

    def judge(self, urn: str, check: Callable[[], str | None], undecided: Undecided) -> str | None:
        """The violation in words; None where there is none, where it is let off, or where it cannot be decided yet."""
        if exceptions.let_off(self.id, urn):
            return None
        try:
            wrong = check()
        except UnknownValueError:
            undecided.add(urn, self.id)
            return None
        except json.JSONDecodeError as error:
            wrong = f"a document in it is not JSON ({error})"
        return wrong and f"{self.id}: {wrong}.\n{self.reason}\nFix: {self.fix}"


@dataclass(frozen=True, kw_only=True)
class ResourceControl(Control):
    """A control that one resource's own inputs decide. The engine asks before it makes the resource."""

    check: Callable[[Props], str | None]

    def policy(self, undecided: Undecided) -> Policy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if args.resource_type not in self.types:
                return
            if message := self.judge(args.urn, lambda: self.check(args.props), undecided):
                report(message, args.urn)

        return ResourceValidationPolicy(
            self.name, f"{self.title}.", validate, severity=self.severity, **self._described()
        )


@dataclass(frozen=True, kw_only=True)
class StackControl(Control):
    """A control that takes other resources to decide. The engine asks at the end of a preview, and of an update."""

    check: Callable[[PolicyResource, Stack], str | None]

    def policy(self, undecided: Undecided) -> Policy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            stack = Stack(args.resources)
            for resource in stack.of(*self.types):

                def check(resource: PolicyResource = resource) -> str | None:
                    return self.check(resource, stack)

                if message := self.judge(resource.urn, check, undecided):
                    report(message, resource.urn)

        return StackValidationPolicy(self.name, f"{self.title}.", validate, severity=self.severity, **self._described())


def at(props: Props, path: str) -> Any:
    """The value at a dotted path, or None where there is none."""
    value: Any = props
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def has(props: Props, key: str) -> bool:
    """Whether there is a value, known or not yet. (`in` would read it.)"""
    return key in set(props)


def must_be_true(path: str) -> Callable[[Props], str | None]:
    """A check that wants a switch on, and said so: what a provider's default is may change."""

    def check(props: Props) -> str | None:
        return None if at(props, path) in (True, "true") else f"`{path}` is not true"

    return check


def must_be_set(path: str) -> Callable[[Props], str | None]:
    """A check that wants a value. One that a preview does not know yet is one: only its absence decides."""

    def check(props: Props) -> str | None:
        try:
            return None if at(props, path) else f"`{path}` is not set"
        except UnknownValueError:
            return None

    return check
