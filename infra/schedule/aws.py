"""EventBridge Scheduler, which starts Fargate tasks of the ops image by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import names
from infra.schedule import scheduler
from infra.schedule.job import JOBS

if TYPE_CHECKING:
    from infra.network.aws import Network
    from infra.schedule.task import Jobs, Task

FORTNIGHT = 14 * 24 * 3600  # seconds, the longest that SQS keeps a message


class Schedules(pulumi.ComponentResource):
    """The daily backup and upkeep and the weekly restore test: tasks, their roles, and what starts them.

    What could not be started, also when tried again for an hour, goes to the queue `dead_letters`.
    """

    ops_task: pulumi.Output[str]
    """The backup's task definition, of its newest revision: what makes a backup on demand."""
    families: list[pulumi.Output[str]]
    dead_letters: pulumi.Output[str]

    def __init__(self, name: str, jobs: Jobs, network: Network, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Schedules", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        tasks = [jobs.task(job, child) for job in JOBS]
        queue = aws.sqs.Queue(
            name,
            # The alarm says how to read it.
            name=names.of(jobs.settings, name),
            sqs_managed_sse_enabled=True,
            message_retention_seconds=FORTNIGHT,
            opts=child,
        )
        group = aws.scheduler.ScheduleGroup(name, name=names.of(jobs.settings, name), opts=child)
        role = self._role(name, jobs, tasks, group, queue)
        for task in tasks:
            if task.job.cron:
                self._schedule(task, task.job.cron, jobs, network, role, group, queue)
        self.ops_task = next(task.definition.arn for task in tasks if task.job.name == "backup")
        self.families = [task.definition.family for task in tasks]
        self.dead_letters = queue.name
        self.register_outputs({})

    def _role(
        self,
        name: str,
        jobs: Jobs,
        tasks: Sequence[Task],
        group: aws.scheduler.ScheduleGroup,
        queue: aws.sqs.Queue,
    ) -> pulumi.Output[str]:
        account = jobs.settings.place.account
        role = aws.iam.Role(
            name,
            assume_role_policy=pulumi.Output.json_dumps(
                group.arn.apply(lambda arn: scheduler.trust(account, arn)), sort_keys=True
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        allowed = pulumi.Output.all(
            cluster=jobs.cluster.arn,
            tasks=[task.definition.arn_without_revision for task in tasks],
            roles=[arn for task in tasks for arn in (task.roles.execution_arn, task.roles.task_arn)],
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
        task: Task,
        cron: str,
        jobs: Jobs,
        network: Network,
        role_arn: pulumi.Output[str],
        group: aws.scheduler.ScheduleGroup,
        queue: aws.sqs.Queue,
    ) -> None:
        aws.scheduler.Schedule(
            task.job.name,
            group_name=group.name,
            schedule_expression=cron,
            schedule_expression_timezone="UTC",
            flexible_time_window={"mode": "OFF"},
            state="ENABLED",
            target={
                "arn": jobs.cluster.arn,
                "role_arn": role_arn,
                "ecs_parameters": {
                    "task_definition_arn": task.definition.arn,
                    "launch_type": "FARGATE",
                    # Costs are told apart by tags.
                    "propagate_tags": "TASK_DEFINITION",
                    "network_configuration": {
                        "subnets": network.private_subnet_ids,
                        "security_groups": [jobs.cluster.task_security_group_id],
                        "assign_public_ip": False,
                    },
                },
                "retry_policy": {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 5},
                "dead_letter_config": {"arn": queue.arn},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
