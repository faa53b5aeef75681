"""One Fargate task definition, locked down: what every task of ours has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra import names
from infra.cluster import log

if TYPE_CHECKING:
    from infra.cluster.aws import Cluster
    from infra.role.aws import Roles
    from infra.settings import Settings

USER = "1001"

# Fargate takes no other limit than this one, and no tmpfs, sysctls or privileges at all.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
OPEN_FILES = 65535


@dataclass(frozen=True)
class Probe:
    """A health check that ECS runs inside the container every `interval` seconds; three failures replace the task."""

    command: Sequence[str]
    interval: int = 10


@dataclass(frozen=True)
class Container:
    """What tells one container from another. `memory` is a hard limit in MiB, `grace` is in seconds.

    `secrets` are variables by what Secrets Manager is asked for: an ARN, or `<arn>:<json key>:<stage>:<version>`.
    `scratch` are the paths that may be written to. Each is a VOLUME of the image: without that, Fargate's bind mount is
    writable for root alone. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
    """

    name: str
    image: pulumi.Input[str]
    memory: int
    command: Sequence[str] | None = None
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    port: int | None = None
    probe: Probe | None = None
    scratch: Sequence[str] = ()
    essential: bool = True
    grace: int = 30


def task_definition(
    name: str,
    settings: Settings,
    cluster: Cluster,
    roles: Roles,
    containers: Sequence[Container],
    size: tuple[int, int],
    opts: pulumi.ResourceOptions,
    *,
    storage: int | None = None,
) -> aws.ecs.TaskDefinition:
    """A task of `size` (CPU units, MiB) that logs to the cluster's log group, one stream per container and task.

    `storage` is in GiB, from 21 to 200, for its images and what its containers write; Fargate gives 20 without.
    """
    region = settings.place.region
    cpu, memory = size
    return aws.ecs.TaskDefinition(
        name,
        family=names.of(settings, name),
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        runtime_platform={"operating_system_family": "LINUX", "cpu_architecture": "X86_64"},
        cpu=str(cpu),
        memory=str(memory),
        execution_role_arn=roles.execution_arn,
        task_role_arn=roles.task_arn,
        volumes=[{"name": volume(c, path)} for c in containers for path in c.scratch],
        ephemeral_storage={"size_in_gib": storage} if storage else None,
        # Sorted, so that equal tasks are equal texts and a change of one variable is a change of one place.
        container_definitions=pulumi.Output.json_dumps(
            [definition(container, cluster.log_group_name, region) for container in containers], sort_keys=True
        ),
        opts=opts,
    )


def definition(container: Container, log_group: pulumi.Input[str], region: str) -> dict[str, Any]:
    """The container as ECS's API takes it."""
    given: dict[str, Any] = {
        "name": container.name,
        "image": container.image,
        "essential": container.essential,
        "user": USER,
        "memory": container.memory,
        "readonlyRootFilesystem": True,
        # `add` is empty because ECS gives it back so. The provider would take its absence for a change, each time.
        "linuxParameters": {"capabilities": {"add": [], "drop": ["ALL"]}, "initProcessEnabled": True},
        "ulimits": [{"name": "nofile", "softLimit": OPEN_FILES, "hardLimit": OPEN_FILES}],
        "stopTimeout": container.grace,
        "environment": [{"name": key, "value": value} for key, value in sorted(container.environment.items())],
        "secrets": [{"name": key, "valueFrom": source} for key, source in sorted(container.secrets.items())],
        "mountPoints": [
            {"sourceVolume": volume(container, path), "containerPath": path, "readOnly": False}
            for path in container.scratch
        ],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group,
                "awslogs-region": region,
                "awslogs-stream-prefix": log.PREFIX,
                # A log service that is slow must not hold up a request; what does not fit is lost instead.
                "mode": "non-blocking",
                "max-buffer-size": "25m",
            },
        },
    }
    if container.command:
        given["command"] = list(container.command)
    if container.port:
        given["portMappings"] = [{"containerPort": container.port, "hostPort": container.port, "protocol": "tcp"}]
    if container.probe:
        given["healthCheck"] = {
            "command": ["CMD", *container.probe.command],
            "interval": container.probe.interval,
            "timeout": 10,
            "retries": 3,
            "startPeriod": 30,
        }
    return given


def volume(container: Container, path: str) -> str:
    return f"{container.name}{path.replace('/', '-')}"
