"""A one-off Fargate task of a cloud stack: started, waited for, its log shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import names
from infra.cluster import log
from ops.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

    from infra.outputs import StackOutputs
    from infra.settings import Settings

POLL, LONGEST_RUN = 6, 3600  # seconds


def run(settings: Settings, outputs: StackOutputs, name: str) -> int:
    """Runs the newest `nuggetwise-<stack>-<name>`. Returns the exit code of its container `name`.

    Raises OperatorError when it does not start or does not end.
    """
    import boto3

    session = boto3.Session(region_name=settings.place.region)
    return follow(session.client("ecs"), session.client("logs"), names.of(settings, name), outputs, name)


def follow(ecs: ECSClient, logs: CloudWatchLogsClient, family: str, outputs: StackOutputs, name: str) -> int:
    """`run` with given clients."""
    cluster, group = outputs.cluster, outputs.log_group
    if not (cluster and group and outputs.subnets and outputs.security_group):
        raise OperatorError(
            f"stack {outputs.environment} has no outputs of a cluster; deploy it with this release first"
        )
    started = ecs.run_task(
        cluster=cluster,
        taskDefinition=family,
        launchType="FARGATE",
        startedBy="make rotate",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": outputs.subnets,
                "securityGroups": [outputs.security_group],
                "assignPublicIp": "DISABLED",
            }
        },
    )
    if not started["tasks"]:
        raise OperatorError(f"{family} could not be started: {started['failures']}")
    arn = started["tasks"][0].get("taskArn", "")
    ecs.get_waiter("tasks_stopped").wait(
        cluster=cluster, tasks=[arn], WaiterConfig={"Delay": POLL, "MaxAttempts": LONGEST_RUN // POLL}
    )
    for line in log.last_lines(logs, group, name, arn):
        print(f"{name}: {line}")
    task = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
    code = next((c.get("exitCode") for c in task.get("containers", []) if c.get("name") == name), None)
    if code is None:
        raise OperatorError(f"{family} could not be started: {log.reasons(task)}")
    return code
