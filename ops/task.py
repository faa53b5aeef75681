"""A one-off Fargate task of a cloud stack: started, its log copied to the terminal while it runs, waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra import names
from infra.cluster import log
from ops.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

    from infra.outputs import StackOutputs
    from infra.settings import Settings

POLL = 2.0  # seconds
# CloudWatch shows the last lines some seconds after the task has ended; after this long without another there is none.
LOG_DELAY = 6.0  # seconds
LONGEST_RUN = 6 * 3600.0  # seconds: a restore of the largest database

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What is to run: a task definition (its ARN, or its family for the newest revision) and its one container.

    `command` takes the place of the definition's own. `started_by` is what ECS shows of the task; it takes letters,
    digits, `-`, `/` and `_`.
    """

    definition: str
    container: str
    command: Sequence[str] = ()
    started_by: str = "make-rotate"


def run(settings: Settings, outputs: StackOutputs, name: str) -> int:
    """Runs the newest `nuggetwise-<stack>-<name>`. Returns the exit code of its container `name`.

    Raises OperatorError when it does not start or does not end.
    """
    return carry_out(settings, outputs, Order(names.of(settings, name), name))


def carry_out(settings: Settings, outputs: StackOutputs, order: Order, tell: Tell | None = None) -> int:
    """Runs what is ordered and `tell`s each line of its log. Returns its exit code. Interrupted, it stops the task.

    Raises OperatorError when it does not start or does not end.
    """
    import boto3

    session = boto3.Session(region_name=settings.place.region)
    return follow(session.client("ecs"), session.client("logs"), outputs, order, tell)


def follow(
    ecs: ECSClient, logs: CloudWatchLogsClient, outputs: StackOutputs, order: Order, tell: Tell | None = None
) -> int:
    """`carry_out` with given clients."""
    cluster, group = outputs.cluster, outputs.log_group
    if not (cluster and group and outputs.subnets and outputs.security_group):
        raise OperatorError(
            f"stack {outputs.environment} has no outputs of a cluster; deploy it with this release first"
        )
    arn = _start(ecs, outputs, cluster, order)
    tail = log.Tail(logs, group, order.container, arn)

    def say(line: str) -> None:
        if tell:
            tell(line)
        else:
            print(f"{order.container}: {line}", flush=True)

    try:
        task = _stopped(ecs, cluster, arn, order, lambda: _copy(tail, say))
    except BaseException:
        ecs.stop_task(cluster=cluster, task=arn, reason=f"{order.started_by} does not wait any longer")
        raise
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < LOG_DELAY:
        time.sleep(POLL)
        if _copy(tail, say):
            quiet_since = time.monotonic()
    code = next((c.get("exitCode") for c in task.get("containers", []) if c.get("name") == order.container), None)
    if code is None:
        raise OperatorError(f"{order.definition} could not be started: {log.reasons(task)}")
    return code


def _start(ecs: ECSClient, outputs: StackOutputs, cluster: str, order: Order) -> str:
    overrides: dict[str, Any] = (
        {"containerOverrides": [{"name": order.container, "command": list(order.command)}]} if order.command else {}
    )
    started = ecs.run_task(
        cluster=cluster,
        taskDefinition=order.definition,
        launchType="FARGATE",
        startedBy=order.started_by,
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": outputs.subnets or [],
                "securityGroups": [outputs.security_group or ""],
                "assignPublicIp": "DISABLED",
            }
        },
        overrides=overrides,  # pyright: ignore[reportArgumentType]
    )
    if not started["tasks"]:
        raise OperatorError(f"{order.definition} could not be started: {started['failures']}")
    return started["tasks"][0].get("taskArn", "")


def _stopped(ecs: ECSClient, cluster: str, arn: str, order: Order, meanwhile: Callable[[], object]) -> TaskTypeDef:
    deadline = time.monotonic() + LONGEST_RUN
    while time.monotonic() < deadline:
        found = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        meanwhile()
        if found and found[0].get("lastStatus") == "STOPPED":  # in its first moments ECS may not find it yet
            return found[0]
        time.sleep(POLL)
    raise OperatorError(f"{order.definition} did not end within {LONGEST_RUN:.0f} s")


def _copy(tail: log.Tail, say: Tell) -> bool:
    """Tells what is new, and whether there was anything."""
    lines = list(tail.new_lines())
    for line in lines:
        say(line)
    return bool(lines)
