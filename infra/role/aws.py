"""The two roles of a task: what ECS may do to start it, and what its own code may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra.policy import assumed_by, document

if TYPE_CHECKING:
    from infra.policy import Statement
    from infra.settings import Settings


@dataclass(frozen=True)
class Roles:
    """The execution role starts the task (image, secrets, log); the task role is what its code acts as."""

    execution_arn: pulumi.Output[str]
    task_arn: pulumi.Output[str]


def trust(account: str, region: str) -> dict[str, Any]:
    """Who may take the role: ECS, and only for tasks of this account and region (the confused deputy).

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    return assumed_by(
        "ecs-tasks.amazonaws.com",
        {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:{region}:{account}:*"},
        },
    )


def execution_policy(
    *, repositories: Sequence[str], log_group: str, secrets: Sequence[str], keys: Sequence[str], region: str
) -> dict[str, Any]:
    """What starting a task takes: pull its image, write its log, read exactly its secrets.

    `secrets` are as a task names them (`<arn>` or `<arn>:<json key>:<stage>:<version>`), `keys` encrypt them.
    """
    statements: list[dict[str, Any]] = [
        # The login is to the whole registry; this action knows no resource.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": sorted(set(repositories)),
        },
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{log_group}:log-stream:*",
        },
    ]
    if secrets:
        statements += [
            {
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": sorted({secret_arn(source) for source in secrets}),
            },
            {
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": sorted(set(keys)),
                "Condition": {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}},
            },
        ]
    return document(statements)


def secret_arn(source: str) -> str:
    """The secret itself, without the key, stage and version that a task may name after it."""
    return ":".join(source.split(":")[:7])


def roles(
    name: str,
    settings: Settings,
    *,
    repositories: Sequence[pulumi.Input[str]],
    log_group: pulumi.Input[str],
    secrets: Sequence[pulumi.Input[str]],
    keys: Sequence[pulumi.Input[str]],
    statements: Sequence[pulumi.Input[Statement]] = (),
    opts: pulumi.ResourceOptions,
) -> Roles:
    """The roles of one task. Its code may do what `statements` say, and without any, nothing at AWS."""
    region = settings.place.region
    trusted = pulumi.Output.json_dumps(trust(settings.place.account, region), sort_keys=True)
    execution = aws.iam.Role(f"{name}-execution", assume_role_policy=trusted, opts=opts)
    policy = pulumi.Output.all(
        repositories=repositories, log_group=log_group, secrets=secrets, keys=keys, region=region
    ).apply(lambda given: execution_policy(**given))
    granted = aws.iam.RolePolicy(
        f"{name}-execution",
        role=execution.name,
        policy=pulumi.Output.json_dumps(policy, sort_keys=True),
        opts=pulumi.ResourceOptions(parent=execution),
    )
    task = aws.iam.Role(f"{name}-task", assume_role_policy=trusted, opts=opts)
    if statements:
        aws.iam.RolePolicy(
            f"{name}-task",
            role=task.name,
            policy=pulumi.Output.json_dumps(document(statements), sort_keys=True),
            opts=pulumi.ResourceOptions(parent=task),
        )
    # Through the policy, so that no task starts before its role may do what that takes.
    return Roles(pulumi.Output.all(execution.arn, granted.id).apply(lambda known: known[0]), task.arn)
