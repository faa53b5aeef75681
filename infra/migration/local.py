"""The migrations step: a one-off container of the release, run before its replicas are."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

import migrations
from infra import labels
from infra.container import SCRATCH

# The provider is a process of its own at every preview: what it does not need there would double its start.
if TYPE_CHECKING:
    import pulumi_docker as docker
    from docker.models.containers import Container

# Long enough to build an index over the largest table; a migration bounds its own statements.
LONGEST_RUN = 3600  # seconds


class MigrationFailed(Exception):
    """The migrations step ended with an error. The text carries the container's log; nothing else was changed."""


def last_line(log: str) -> dict[str, Any]:
    """The result that the step prints as its last line. Raises MigrationFailed when there is none."""
    line = log.rstrip().rpartition("\n")[2]
    try:
        result = json.loads(line)
        assert isinstance(result["schema_revision"], str)
        return result
    except (ValueError, TypeError, KeyError, AssertionError):
        raise MigrationFailed(f"the migrations step ended without a result; its log:\n{log}") from None


class MigrationProvider(ResourceProvider):
    """Runs when the migrations' digest, the database or a role's password changed; a new image alone is no reason."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(secrets.token_hex(8), _run(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_run(news))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        triggers = ("digest", "database", "environment")
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in triggers))


def _run(props: dict[str, Any]) -> dict[str, Any]:
    import docker as engine

    client = engine.from_env(timeout=LONGEST_RUN)
    step: Container = client.containers.create(
        props["image"],
        command=["python", "-m", "migrations", "deploy"],
        name=f"{props['name']}-{secrets.token_hex(3)}",
        environment=props["environment"],
        network=props["network"],
        labels=props["labels"],
        user="1001",
        read_only=True,
        tmpfs=SCRATCH,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        mem_limit="512m",
        memswap_limit="512m",
        init=True,
    )
    try:
        step.start()
        status = int(step.wait()["StatusCode"])
        log = step.logs(stdout=True, stderr=True).decode(errors="replace")
        if status != 0:
            raise MigrationFailed(
                f"the migrations step failed with exit code {status}; the version before it is still serving and the "
                f"next `pulumi up` runs the step again. Its log:\n{log}"
            )
        revision = last_line(step.logs(stdout=True, stderr=False).decode())["schema_revision"]
    finally:
        step.remove(force=True)
        client.close()
    return {**props, "exit_code": status, "log": log, "schema_revision": revision}


class MigrationRun(Resource, name="MigrationRun"):
    """The run itself, with what came of it."""

    exit_code: pulumi.Output[int]
    log: pulumi.Output[str]
    schema_revision: pulumi.Output[str]

    def __init__(self, name: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        results = {"exit_code": None, "log": None, "schema_revision": None}
        super().__init__(MigrationProvider(), name, {**props, **results}, opts)


def run(
    name: str,
    stack: str,
    image: docker.RemoteImage,
    network: docker.Network,
    database: pulumi.Input[str],
    environment: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> MigrationRun:
    """Declares the migrations step against the database whose identity is `database`."""
    props = {
        "name": f"nuggetwise-{stack}-{name}",
        "image": image.image_id,
        "network": network.name,
        "labels": labels.of_component(stack, "migrations"),
        "digest": migrations.digest(),
        "database": database,
        "environment": environment,
    }
    return MigrationRun(name, props, opts)
