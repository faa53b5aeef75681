"""EventBridge Scheduler, which starts Fargate tasks of the ops image by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import names, release
from infra.cluster.task import Container, task_definition
from infra.role.aws import Roles, roles
from infra.schedule import scheduler
from infra.schedule.job import JOBS, PREFIX, Job, may_list, may_report, may_use_key, may_use_objects

if TYPE_CHECKING:
    from infra.backups.aws import Backups
    from infra.cluster.aws import Cluster
    from infra.image.aws import Image
    from infra.key.aws import Keys
    from infra.network.aws import Network
    from infra.policy import Statement
    from infra.secret.aws import Secret
    from infra.settings import Settings

FORTNIGHT = 14 * 24 * 3600  # seconds, the longest that SQS keeps a message


class Schedules(pulumi.ComponentResource):
    """The daily backup and upkeep and the weekly restore test: tasks, their roles, and what starts them.

    Without `schedules.enabled` nothing starts them. What could not be started, also when tried again for an hour, goes
    to the queue `dead_letters`.
    """

    ops_task: pulumi.Output[str]
    """The backup's task definition, of its newest revision: what makes a backup on demand."""
    families: list[pulumi.Output[str]]
    dead_letters: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        cluster: Cluster,
        network: Network,
        keys: Keys,
        backups: Backups,
        image: Image,
        owner_url: Secret,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:Schedules", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        of = {job: self._roles(job, settings, cluster, keys, backups, image, owner_url) for job in JOBS}
        tasks = {
            job: task_definition(
                job.name,
                settings,
                cluster,
                of[job],
                [container(job, settings, image.reference, owner_url.reference, backups.bucket)],
                job.size,
                child,
            )
            for job in JOBS
        }
        queue = aws.sqs.Queue(
            name,
            # The alarm says how to read it.
            name=names.of(settings, name),
            sqs_managed_sse_enabled=True,
            message_retention_seconds=FORTNIGHT,
            opts=child,
        )
        group = aws.scheduler.ScheduleGroup(name, name=names.of(settings, name), opts=child)
        role = self._role(name, settings, cluster, list(tasks.values()), list(of.values()), group, queue)
        for job, task in tasks.items():
            self._schedule(job, settings, cluster, network, task, role, group, queue)
        self.ops_task = next(task.arn for job, task in tasks.items() if job.name == "backup")
        self.families = [task.family for task in tasks.values()]
        self.dead_letters = queue.name
        self.register_outputs({})

    def _roles(
        self,
        job: Job,
        settings: Settings,
        cluster: Cluster,
        keys: Keys,
        backups: Backups,
        image: Image,
        owner_url: Secret,
    ) -> Roles:
        region = settings.place.region
        statements: list[pulumi.Input[Statement]] = []
        if job.reads_backups or job.writes_backups:
            statements = [
                backups.bucket_arn.apply(lambda arn: may_use_objects(job, arn)),
                backups.bucket_arn.apply(may_list),
                keys.backups.arn.apply(lambda arn: may_use_key(job, arn, region)),
                may_report(),
            ]
        return roles(
            job.name,
            settings,
            repositories=[image.repository_arn],
            log_group=cluster.log_group_arn,
            secrets=[owner_url.reference],
            keys=[keys.secrets.arn],
            statements=statements,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _role(
        self,
        name: str,
        settings: Settings,
        cluster: Cluster,
        tasks: Sequence[aws.ecs.TaskDefinition],
        passed: Sequence[Roles],
        group: aws.scheduler.ScheduleGroup,
        queue: aws.sqs.Queue,
    ) -> pulumi.Output[str]:
        account = settings.place.account
        role = aws.iam.Role(
            name,
            assume_role_policy=pulumi.Output.json_dumps(
                group.arn.apply(lambda arn: scheduler.trust(account, arn)), sort_keys=True
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        allowed = pulumi.Output.all(
            cluster=cluster.arn,
            tasks=[task.arn_without_revision for task in tasks],
            roles=[arn for pair in passed for arn in (pair.execution_arn, pair.task_arn)],
            queue=queue.arn,
        ).apply(lambda known: scheduler.policy(**known))
        granted = aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=pulumi.Output.json_dumps(allowed, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=role),
        )
        # Through the policy, so that no schedule is there before its role may do what it takes.
        return pulumi.Output.all(role.arn, granted.id).apply(lambda known: known[0])

    def _schedule(
        self,
        job: Job,
        settings: Settings,
        cluster: Cluster,
        network: Network,
        task: aws.ecs.TaskDefinition,
        role_arn: pulumi.Output[str],
        group: aws.scheduler.ScheduleGroup,
        queue: aws.sqs.Queue,
    ) -> None:
        aws.scheduler.Schedule(
            job.name,
            group_name=group.name,
            schedule_expression=job.cron,
            schedule_expression_timezone="UTC",
            flexible_time_window={"mode": "OFF"},
            state="ENABLED" if settings.schedules.enabled else "DISABLED",
            target={
                "arn": cluster.arn,
                "role_arn": role_arn,
                "ecs_parameters": {
                    "task_definition_arn": task.arn,
                    "launch_type": "FARGATE",
                    # Costs are told apart by tags.
                    "propagate_tags": "TASK_DEFINITION",
                    "network_configuration": {
                        "subnets": network.private_subnet_ids,
                        "security_groups": [cluster.task_security_group_id],
                        "assign_public_ip": False,
                    },
                },
                "retry_policy": {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 5},
                "dead_letter_config": {"arn": queue.arn},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


def container(
    job: Job,
    settings: Settings,
    image: pulumi.Input[str],
    owner_url: pulumi.Input[str],
    bucket: pulumi.Input[str],
) -> Container:
    """The job's one container. An upkeep has no business with the backups and is not told where they are."""
    environment: dict[str, pulumi.Input[str]] = {"APP_VERSION": release.app_version(), "STACK": settings.name}
    if job.name == "upkeep":
        environment["USAGE_RETENTION_MONTHS"] = str(settings.usage.keep_months)
    if job.reads_backups:
        environment |= {"BACKUP_BUCKET": bucket, "BACKUP_PREFIX": PREFIX}
    return Container(
        name="job",
        image=image,
        # All of the task's memory but for what the operating system beside it takes.
        memory=job.size[1] * 7 // 8,
        command=job.command,
        environment=environment,
        secrets={"OWNER_DATABASE_URL": owner_url},
        grace=120,
    )
