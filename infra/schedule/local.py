"""The jobs of a dev stack: one container that runs each when its time comes, and by hand whenever it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra import release
from infra.age_key import openers
from infra.backups.local import INSIDE
from infra.container import THIS_MACHINE
from infra.container import local as container
from infra.image import local as image
from infra.schedule import variables

if TYPE_CHECKING:
    import pulumi_docker as docker

    from infra.age_key import AgeKey
    from infra.backups.local import ObjectStore
    from infra.settings import Settings

ALIAS = "ops"
PORT = 9100
REGION = "us-east-1"  # what a signature names; the store takes any


class Schedules(pulumi.ComponentResource):
    """Upkeep and backup daily, a restore test weekly; Prometheus reads from it how they went.

    It waits for no other container, and none waits for it: what it needs is there long before its first job is due.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        owner_url: pulumi.Input[str],
        store: ObjectStore,
        key: AgeKey,
        network: docker.Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:local:Schedules", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        built = image.build("ops", child)
        container.run(
            name,
            settings.name,
            container.Spec(
                component=ALIAS,
                image=built,
                command=["python3", "-m", "jobs", "serve"],
                probe=container.Probe(
                    ["curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{PORT}/healthz"], interval=10
                ),
                memory=512,
                environment={
                    **variables.of_upkeep(settings),
                    **variables.of_backups(settings, settings.backups.bucket, key.recipient),
                    # Of this image, whatever image of the API the stack runs.
                    "APP_VERSION": built.name.apply(lambda known: release.app_version(known.rpartition(":")[2])),
                    "AWS_ACCESS_KEY_ID": store.access_key,
                    "AWS_REGION": REGION,
                    "AWS_SECRET_ACCESS_KEY": store.secret_key,
                    # The store knows no tags by which it could let go of a backup itself.
                    "BACKUP_EXPIRY": "delete",
                    "BACKUP_IDENTITY": openers(key.identity, settings.backups.earlier_identities),
                    "OWNER_DATABASE_URL": owner_url,
                    "S3_CA": store.authority,
                    "S3_ENDPOINT_URL": INSIDE,
                    "STACK": settings.name,
                },
                aliases=[ALIAS],
                volumes={variables.WORK: container.volume(f"{name}-work", settings.name, ALIAS, child)},
                # Where an external database may be.
                hosts=THIS_MACHINE if settings.database.kind == "external" else {},
                # A backup that is under way is given up, and what it has uploaded taken back.
                grace=60,
                when_replaced="A job that is under way ends; what is overdue then is made up for half an hour later.",
            ),
            network,
            pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.register_outputs({})
