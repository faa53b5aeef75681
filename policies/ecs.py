"""Tasks and services: https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html

ECS.1 has left that page since; what it asks is kept, and costs nothing.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from pulumi_policy import Severity

from policies.control import Control, Props, ResourceControl, at

SERVICE = "aws:ecs/service:Service"
CLUSTER = "aws:ecs/cluster:Cluster"
TASK = "aws:ecs/taskDefinition:TaskDefinition"

LATEST_PLATFORMS = {"LATEST", "1.4.0"}  # on Linux, in the control's own words
# AWS asks about the first three. The others are what our own programs take as secrets.
SECRET_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "ECS_ENGINE_AUTH_DATA",
        "DATABASE_URL",
        "ENCRYPTION_KEY",
        "JWT_SECRET",
        "OWNER_DATABASE_URL",
        "PGPASSWORD",
        "REDIS_URL",
        "SENTRY_DSN",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "V0_API_KEY",
    }
)
PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")

Container = dict[str, Any]


def containers(task: Props) -> list[Container]:
    """The containers of a task definition. Raises JSONDecodeError."""
    return json.loads(task.get("containerDefinitions") or "[]")


def every_container(wrong: Callable[[Container], str | None]) -> Callable[[Props], str | None]:
    """A check that no container of the task fails."""

    def check(task: Props) -> str | None:
        found = [(container.get("name"), wrong(container)) for container in containers(task)]
        return "; ".join(f"container {name}: {why}" for name, why in found if why) or None

    return check


def apart_from_the_host(task: Props) -> str | None:
    if task.get("networkMode") != "host":
        return None
    as_root = [
        c.get("name") for c in containers(task) if not c.get("privileged") and c.get("user", "root") in ("root", "0")
    ]
    return f"`networkMode` is host, and {', '.join(map(str, as_root))} runs as root" if as_root else None


def without_public_address(service: Props) -> str | None:
    return "`assignPublicIp` is true" if at(service, "networkConfiguration.assignPublicIp") else None


def own_processes(task: Props) -> str | None:
    return "`pidMode` is host" if task.get("pidMode") == "host" else None


def privileged(container: Container) -> str | None:
    return "`privileged` is true" if container.get("privileged") else None


def writable(container: Container) -> str | None:
    return None if container.get("readonlyRootFilesystem") is True else "`readonlyRootFilesystem` is not true"


def telling_secrets(container: Container) -> str | None:
    variables = {variable["name"]: str(variable.get("value", "")) for variable in container.get("environment") or ()}
    told = [name for name, value in variables.items() if name in SECRET_VARIABLES or PASSWORD_IN_URL.search(value)]
    return f"{', '.join(sorted(told))} stands in `environment`" if told else None


def silent(container: Container) -> str | None:
    return None if at(container, "logConfiguration.logDriver") else "`logConfiguration` names no `logDriver`"


def on_the_latest_platform(service: Props) -> str | None:
    version = service.get("platformVersion", "LATEST")
    return None if version in LATEST_PLATFORMS else f"`platformVersion` is {version}"


def watched(cluster: Props) -> str | None:
    settings = {setting.get("name"): setting.get("value") for setting in cluster.get("settings") or ()}
    return (
        None if settings.get("containerInsights") in ("enabled", "enhanced") else "`containerInsights` is not enabled"
    )


CONTROLS: tuple[Control, ...] = (
    ResourceControl(
        id="ECS.1",
        title="A task in the host's network does not run as root",
        severity=Severity.HIGH,
        types=(TASK,),
        check=apart_from_the_host,
        reason="Root in the host's network reaches everything that the host reaches.",
        fix='set `network_mode="awsvpc"`, and each container\'s `user`.',
    ),
    ResourceControl(
        id="ECS.2",
        title="A service's tasks have no public addresses",
        severity=Severity.HIGH,
        types=(SERVICE,),
        check=without_public_address,
        reason="They could be reached past the load balancer.",
        fix="set `assign_public_ip=False` and private subnets.",
    ),
    ResourceControl(
        id="ECS.3",
        title="A task has processes of its own",
        severity=Severity.HIGH,
        types=(TASK,),
        check=own_processes,
        reason="Its containers could see, and end, every process of the host.",
        fix="leave `pid_mode` unset.",
    ),
    ResourceControl(
        id="ECS.4",
        title="No container is privileged",
        severity=Severity.HIGH,
        types=(TASK,),
        check=every_container(privileged),
        reason="It would be root on the host.",
        fix="leave `privileged` unset.",
    ),
    ResourceControl(
        id="ECS.5",
        title="A container's root file system is read-only",
        severity=Severity.HIGH,
        types=(TASK,),
        check=every_container(writable),
        reason="Whoever gets in could change the program, or leave one behind.",
        fix="set `readonlyRootFilesystem` to true, and mount a volume where it must write.",
    ),
    ResourceControl(
        id="ECS.8",
        title="No secret stands in a container's environment",
        severity=Severity.HIGH,
        types=(TASK,),
        check=every_container(telling_secrets),
        reason="Whoever may look at the task definition could read it, in all its revisions.",
        fix="name the secret's ARN in `secrets` instead.",
    ),
    ResourceControl(
        id="ECS.9",
        title="A container's log is collected",
        severity=Severity.HIGH,
        types=(TASK,),
        check=every_container(silent),
        reason="What it says would be lost when it ends, which is when one wants to know.",
        fix="set `logConfiguration` with the cluster's log group.",
    ),
    ResourceControl(
        id="ECS.10",
        title="A service runs on Fargate's latest platform",
        severity=Severity.MEDIUM,
        types=(SERVICE,),
        check=on_the_latest_platform,
        reason="Older ones get no security fixes.",
        fix="leave `platform_version` unset, or LATEST.",
    ),
    ResourceControl(
        id="ECS.12",
        title="A cluster collects its containers' metrics",
        severity=Severity.MEDIUM,
        types=(CLUSTER,),
        check=watched,
        reason="Memory, restarts and task counts could not be seen, nor ring an alarm.",
        fix='set `settings=[{"name": "containerInsights", "value": "enabled"}]`.',
    ),
)
