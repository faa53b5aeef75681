"""The re-encryption as a Fargate task, which `make rotate SECRET=encryption_key` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.cluster.task import Container, task_definition
from infra.reencryption import NAME
from infra.role.aws import roles

if TYPE_CHECKING:
    from infra.cluster.aws import Cluster
    from infra.image.aws import Image
    from infra.key.aws import Keys
    from infra.secret.aws import Secret
    from infra.settings import Settings

SIZE = (512, 1024)  # CPU units and MiB


class Reencryption(pulumi.ComponentResource):
    """Its task definition and roles. Nothing starts it but an operator."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        keys: Keys,
        image: Image,
        owner_url: Secret,
        encryption_key: Secret,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:Reencryption", NAME, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        secrets = {"OWNER_DATABASE_URL": owner_url.reference, "ENCRYPTION_KEY": encryption_key.reference}
        task_definition(
            NAME,
            settings,
            cluster,
            roles(
                NAME,
                settings,
                repositories=[image.repository_arn],
                log_group=cluster.log_group_arn,
                secrets=list(secrets.values()),
                keys=[keys.secrets.arn],
                opts=child,
            ),
            [Container(NAME, image.reference, 512, ["python", "-m", "app.rotate_keys"], secrets=secrets)],
            SIZE,
            child,
        )
        self.register_outputs({})
