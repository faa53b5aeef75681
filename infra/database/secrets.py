"""The database's URLs as secrets in Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.secret.aws import Secret

if TYPE_CHECKING:
    from infra.database.aws import Database
    from infra.database.external import ExternalDatabase
    from infra.key.aws import Keys
    from infra.settings import Settings


class DatabaseSecrets(pulumi.ComponentResource):
    """`url` is for the API, `owner_url` for migrations, dumps and restores."""

    url: Secret
    owner_url: Secret
    for_migrations: dict[str, pulumi.Output[str]]
    """By variable, what the migrations step is given. An external database has no administrator of ours."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        keys: Keys,
        database: Database | ExternalDatabase,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:DatabaseSecrets", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.url = Secret("database-url", settings, keys, database.url, child)
        self.owner_url = Secret("owner-database-url", settings, keys, database.owner_url, child)
        self.for_migrations = {
            "DATABASE_URL": self.url.reference,
            "OWNER_DATABASE_URL": self.owner_url.reference,
        }
        if database.admin_secret_arn is not None:
            # libpq takes it where a URL has no password. RDS keeps it as JSON.
            self.for_migrations["PGPASSWORD"] = pulumi.Output.concat(database.admin_secret_arn, ":password::")
        self.register_outputs({})
