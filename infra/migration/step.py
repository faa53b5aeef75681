"""The migrations step, wherever it runs: when it runs, what it returns and how it fails."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

COMMAND = ("python", "-m", "migrations", "deploy")

# Long enough to build an index over the largest table; a migration bounds its own statements.
LONGEST_RUN = 3600  # seconds


class MigrationFailed(Exception):
    """The migrations step ended with an error. The text carries the step's log; nothing else was changed."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run that succeeded."""

    exit_code: int
    log: str
    schema_revision: str


def failed(why: str, log: str) -> MigrationFailed:
    """The error of a run that failed, and what that means."""
    return MigrationFailed(
        f"the migrations step {why}; the version before it is still serving and the next `pulumi up` runs the step "
        f"again. Its log:\n{log}"
    )


def find_result(log: str) -> dict[str, Any] | None:
    """What the step prints at its end, a line of JSON. Its messages go to another stream and may overtake it."""
    for line in reversed(log.splitlines()):
        try:
            found = json.loads(line)
            assert isinstance(found["schema_revision"], str)
            return found
        except (ValueError, TypeError, KeyError, AssertionError):
            continue
    return None


def result(log: str) -> dict[str, Any]:
    """The same. Raises MigrationFailed when there is none."""
    found = find_result(log)
    if found is None:
        raise MigrationFailed(f"the migrations step ended without a result; its log:\n{log}")
    return found


class StepProvider(ResourceProvider):
    """Runs again when one of its `triggers` changed: the migrations, the database, or what the roles are set to.

    A new image alone is no reason.
    """

    serialize_as_secret_always = False
    triggers: ClassVar[tuple[str, ...]]

    def run(self, props: dict[str, Any]) -> Outcome:
        """Runs the step to its end. Raises MigrationFailed."""
        raise NotImplementedError

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(secrets.token_hex(8), {**props, **asdict(self.run(props))})

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult({**news, **asdict(self.run(news))})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in self.triggers))


class MigrationRun(Resource, name="MigrationRun"):
    """The run itself, with what came of it."""

    exit_code: pulumi.Output[int]
    log: pulumi.Output[str]
    schema_revision: pulumi.Output[str]

    def __init__(
        self, provider: StepProvider, name: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        results = {"exit_code": None, "log": None, "schema_revision": None}
        super().__init__(provider, name, {**props, **results}, opts)
