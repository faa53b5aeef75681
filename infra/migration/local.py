"""The migrations step: a one-off container of the release, run before its replicas are."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi

import migrations
from infra import labels
from infra.container import THIS_MACHINE
from infra.container.sdk import locked_down
from infra.migration.step import COMMAND, LONGEST_RUN, MigrationRun, Outcome, StepProvider, failed, result

# The provider is a process of its own at every preview: what it does not need there would double its start.
if TYPE_CHECKING:
    import pulumi_docker as docker
    from docker.models.containers import Container


class MigrationProvider(StepProvider):
    """Runs when the migrations' digest, the database or a role's password changed; a new image alone is no reason."""

    triggers = ("digest", "database", "environment")

    def run(self, props: dict[str, Any]) -> Outcome:
        import docker as engine

        client = engine.from_env(timeout=LONGEST_RUN)
        step: Container = client.containers.create(
            props["image"],
            command=list(COMMAND),
            name=f"{props['name']}-{secrets.token_hex(3)}",
            environment=props["environment"],
            network=props["network"],
            extra_hosts=THIS_MACHINE,
            labels=props["labels"],
            user="1001",
            **locked_down(memory=512),
        )
        try:
            step.start()
            status = int(step.wait()["StatusCode"])
            log = step.logs(stdout=True, stderr=True).decode(errors="replace")
            if status != 0:
                raise failed(f"failed with exit code {status}", log)
            revision = result(step.logs(stdout=True, stderr=False).decode())["schema_revision"]
        finally:
            step.remove(force=True)
            client.close()
        return Outcome(status, log, revision)


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
    return MigrationRun(MigrationProvider(), name, props, opts)
