"""A job as a Fargate task: its definition, its roles, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from infra import release
from infra.alarms.table import BACKUPS
from infra.cluster.task import Container, task_definition
from infra.role.aws import Roles, roles
from infra.schedule import CONTAINER, variables
from infra.schedule.job import Job, may_list, may_mark, may_report, may_use_key, may_use_objects

if TYPE_CHECKING:
    import pulumi_aws as aws

    from infra.backups.aws import Backups
    from infra.cluster.aws import Cluster
    from infra.image.aws import Image
    from infra.key.aws import Keys
    from infra.policy import Statement
    from infra.secret.aws import Secret
    from infra.settings import Settings

Variables = Mapping[str, pulumi.Input[str]]

# GiB, the most that Fargate has. What of it is not used costs a cent a run, and too little of it fails a good backup:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
STORAGE = 200


@dataclass(frozen=True)
class Task:
    """A job that can be run."""

    job: Job
    definition: aws.ecs.TaskDefinition
    roles: Roles


@dataclass(frozen=True)
class Administrator:
    """Who may make databases: ADMIN_DATABASE_URL and the password that it lacks. An external database has none."""

    environment: Variables = field(default_factory=dict[str, pulumi.Input[str]])
    secrets: Variables = field(default_factory=dict[str, pulumi.Input[str]])


NOBODY = Administrator()


@dataclass(frozen=True)
class Jobs:
    """What all jobs of a stack work with."""

    settings: Settings
    cluster: Cluster
    keys: Keys
    backups: Backups
    image: Image
    owner_url: Secret

    def task(self, job: Job, opts: pulumi.ResourceOptions, administrator: Administrator = NOBODY) -> Task:
        """Declares the task of a job."""
        secrets = {**self._secrets(job), **administrator.secrets}
        own = roles(
            job.name,
            self.settings,
            repositories=[self.image.repository_arn],
            log_group=self.cluster.log_group_arn,
            secrets=list(secrets.values()),
            keys=[self.keys.secrets.arn, *([self.keys.backups.arn] if job.reads_backups else [])],
            statements=self._statements(job),
            opts=opts,
        )
        container = Container(
            name=CONTAINER,
            image=self.image.reference,
            # All of the task's memory but for what the operating system beside it takes.
            memory=job.size[1] * 7 // 8,
            command=job.command,
            environment={**self._environment(job), **administrator.environment},
            secrets=secrets,
            scratch=[variables.WORK] if job.reads_backups else [],
            grace=120,
        )
        storage = STORAGE if job.reads_backups else None
        definition = task_definition(
            job.name, self.settings, self.cluster, own, [container], job.size, opts, storage=storage
        )
        return Task(job, definition, own)

    def _secrets(self, job: Job) -> Variables:
        secrets = {"OWNER_DATABASE_URL": self.owner_url.reference}
        return {**secrets, "BACKUP_IDENTITY": self.backups.identity.reference} if job.reads_backups else secrets

    def _environment(self, job: Job) -> dict[str, pulumi.Input[str]]:
        """An upkeep has no business with the backups and is not told where they are."""
        settings = self.settings
        told: dict[str, pulumi.Input[str]] = {
            # Of this image, so that a release of the API alone leaves the jobs as they are.
            "APP_VERSION": release.app_version(self.image.tag),
            "STACK": settings.name,
        }
        if not job.reads_backups:
            return {**told, **variables.of_upkeep(settings)}
        told |= variables.of_backups(settings, self.backups.bucket, self.backups.recipient)
        told["AWS_REGION"] = settings.place.region
        if job.reports:
            told["CLOUDWATCH_NAMESPACE"] = BACKUPS
        return told

    def _statements(self, job: Job) -> list[pulumi.Input[Statement]]:
        if not job.reads_backups:
            return []
        region = self.settings.place.region
        return [
            self.backups.bucket_arn.apply(lambda arn: may_use_objects(job, arn)),
            *([self.backups.bucket_arn.apply(may_mark)] if job.marks_backups else []),
            self.backups.bucket_arn.apply(may_list),
            self.keys.backups.arn.apply(lambda arn: may_use_key(job, arn, region)),
            *([may_report()] if job.reports else []),
        ]
