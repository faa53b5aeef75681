"""The role with which EventBridge Scheduler starts the tasks: plain functions."""

from collections.abc import Sequence
from typing import Any

from infra.policy import assumed_by, document


def trust(account: str, group_arn: str) -> dict[str, Any]:
    """Who may take the role: the scheduler, for the schedules of this group.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    condition = {"StringEquals": {"aws:SourceAccount": account, "aws:SourceArn": group_arn}}
    return assumed_by("scheduler.amazonaws.com", condition)


def policy(*, cluster: str, tasks: Sequence[str], roles: Sequence[str], queue: str) -> dict[str, Any]:
    """What starting the tasks takes, and no other task. `tasks` are task definitions without their revision.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/CWE_IAM_role.html
    """
    running = cluster.replace(":cluster/", ":task/")
    return document(
        [
            {
                "Effect": "Allow",
                "Action": "ecs:RunTask",
                # Each revision: between two of them a schedule may still name the one before.
                "Resource": [f"{task}:*" for task in tasks],
                "Condition": {"ArnEquals": {"ecs:cluster": cluster}},
            },
            {
                "Effect": "Allow",
                "Action": "ecs:TagResource",
                "Resource": f"{running}/*",
                "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
            },
            {
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": list(roles),
                "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            },
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue},
        ]
    )
