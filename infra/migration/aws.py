"""The migrations step in the cloud: a one-off Fargate task of the release, run before its service changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pulumi

import migrations
from infra.api import variables
from infra.cluster.task import Container, task_definition
from infra.migration.fargate import CONTAINER, FargateMigrationProvider
from infra.migration.step import COMMAND, MigrationRun
from infra.role.aws import roles

if TYPE_CHECKING:
    from infra.cluster.aws import Cluster
    from infra.image.aws import Image
    from infra.network.aws import Network
    from infra.settings import Settings

SIZE = (512, 1024)  # CPU units and MiB: the least that Fargate offers for half a core


class Migration(pulumi.ComponentResource):
    """The step with its task definition and roles.

    `secrets` are OWNER_DATABASE_URL, DATABASE_URL and, where there is an administrator, PGPASSWORD, each by what
    Secrets Manager is asked for, which `keys` encrypt. One that names another version runs the step again.
    """

    exit_code: pulumi.Output[int]
    log: pulumi.Output[str]
    schema_revision: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        cluster: Cluster,
        network: Network,
        image: Image,
        database_identity: pulumi.Input[str],
        admin_url: pulumi.Input[str] | None,
        secrets: Mapping[str, pulumi.Input[str]],
        keys: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:Migration", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        environment: dict[str, pulumi.Input[str]] = {"APP_VERSION": variables.app_version(settings)}
        if admin_url is not None:
            environment["ADMIN_DATABASE_URL"] = admin_url
        task = task_definition(
            name,
            settings,
            cluster,
            roles(
                name,
                settings,
                repositories=[image.repository_arn],
                log_group=cluster.log_group_arn,
                secrets=list(secrets.values()),
                keys=keys,
                opts=child,
            ),
            [Container(CONTAINER, image.reference, 512, COMMAND, environment, secrets)],
            SIZE,
            child,
        )
        run = MigrationRun(
            FargateMigrationProvider(),
            name,
            {
                "region": settings.place.region,
                "cluster": cluster.name,
                "task_definition": task.arn,
                "subnets": network.private_subnet_ids,
                "security_group": cluster.task_security_group_id,
                "log_group": cluster.log_group_name,
                "digest": migrations.digest(),
                "database": database_identity,
                "secrets": [secrets[variable] for variable in sorted(secrets)],
            },
            child,
        )
        self.exit_code, self.log, self.schema_revision = run.exit_code, run.log, run.schema_revision
        self.register_outputs({})
