"""PostgreSQL in a container, its data in a volume."""

import pulumi
import pulumi_docker as docker

from infra.backups import local as backups
from infra.backups.local import ObjectStore
from infra.container import local as container
from infra.database import API, NAME, OWNER, postgresql
from infra.database.postgresql import PostgresqlSettings
from infra.generated_secret import GeneratedSecret
from infra.image import local as image
from infra.settings import Settings

ADMIN = "postgres"


def tuned(settings: Settings) -> dict[str, str]:
    """PostgreSQL's own settings, as it names them. A new cluster begins with them (images/database/start)."""
    return {
        "max_connections": str(settings.database.max_connections),
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "idle_in_transaction_session_timeout": "60s",
        "log_min_duration_statement": "1s",
        "log_parameter_max_length": "0",
    }


class Database(pulumi.ComponentResource):
    """A PostgreSQL 17 server for one stack, backed up continuously to `store` (decision 0021).

    `identity` changes with the volume, and so tells a new, empty database from the one that was there before.
    """

    url: pulumi.Output[str]
    owner_url: pulumi.Output[str]
    admin_url: pulumi.Output[str]
    identity: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        store: ObjectStore,
        network: docker.Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:local:Database", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        passwords = {role: GeneratedSecret(f"{name}-{role}-password", child).value for role in (ADMIN, OWNER, API)}
        volume = container.volume(f"{name}-data", settings.name, "database", child)
        server = container.run(
            name,
            settings.name,
            container.Spec(
                component="database",
                image=image.build("database", child),
                probe=container.Probe(["pg_isready", "-q"], interval=2),
                memory=1024,
                environment={
                    "POSTGRES_PASSWORD": passwords[ADMIN],
                    # Written to memory by images/database/pgbackrest-archive.
                    "ARCHIVE_BUCKET": settings.backups.bucket,
                    "ARCHIVE_ENDPOINT": backups.INSIDE.removeprefix("https://"),
                    "ARCHIVE_CA": store.authority,
                    "ARCHIVE_ACCESS_KEY": store.access_key,
                    "ARCHIVE_SECRET_KEY": store.secret_key,
                    "ARCHIVE_PASS": GeneratedSecret(f"{name}-archive-pass", child).value,
                },
                aliases=["database"],
                volumes={"/var/lib/postgresql": volume},
                shared_memory=256,
                grace=60,
                when_replaced=f"{postgresql.RESTART} (Settings alone do that in place, or without.)",
            ),
            network,
            # Two servers on one volume would destroy it, so the old one goes first.
            pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        PostgresqlSettings(f"{name}-settings", server.id, tuned(settings), child)

        def url(role: str, database: str) -> pulumi.Output[str]:
            return pulumi.Output.concat("postgresql://", role, ":", passwords[role], "@database:5432/", database)

        self.url = url(API, NAME)
        self.owner_url = url(OWNER, NAME)
        self.admin_url = url(ADMIN, "postgres")
        self.identity = volume.name
        self.register_outputs({})
