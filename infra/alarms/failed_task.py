"""The e-mail that says that a scheduled task failed."""

from collections.abc import Sequence
from typing import Any

import pulumi

from infra.alarms import event
from infra.settings import Settings


def pattern(cluster_arn: str, families: Sequence[str]) -> dict[str, Any]:
    """Events of ECS that say that a task of one of these families stopped and did not end well.

    A task that never began, for want of its image or its secrets, has no exit code.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    """
    prefix = cluster_arn.partition(":cluster/")[0]
    return {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {
            "clusterArn": [cluster_arn],
            "lastStatus": ["STOPPED"],
            "taskDefinitionArn": [{"prefix": f"{prefix}:task-definition/{family}:"} for family in families],
            "$or": [
                {"containers": {"exitCode": [{"anything-but": 0}]}},
                {"stopCode": ["TaskFailedToStart"]},
            ],
        },
    }


class FailedTask(pulumi.ComponentResource):
    """Tells the topic of each task of `families` that ended with another exit code than 0, or could not begin."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        cluster_arn: pulumi.Input[str],
        families: Sequence[pulumi.Input[str]],
        topic_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:FailedTask", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        failed = pulumi.Output.all(cluster=cluster_arn, families=families).apply(
            lambda known: pattern(known["cluster"], known["families"])
        )
        logs = f"aws logs tail $(pulumi stack output log_group -s {settings.name}) --since 1h"
        event.tell(
            name,
            "A backup, an upkeep or a restore test failed",
            failed,
            topic_arn,
            "A scheduled task failed: <task> of <definition> ended with exit code <code>. <reason>. "
            f"Its log says why: {logs}",
            {
                "definition": "$.detail.taskDefinitionArn",
                "task": "$.detail.taskArn",
                "code": "$.detail.containers[0].exitCode",
                "reason": "$.detail.stoppedReason",
            },
            child,
        )
        self.register_outputs({})
