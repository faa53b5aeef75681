"""The API's secret variables in the cloud, each a secret in Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.api import variables
from infra.rotating_secret import RotatingSecret
from infra.secret.aws import Secret
from infra.settings import Keys as ServiceKeys

if TYPE_CHECKING:
    from infra.key.aws import Keys
    from infra.settings import Settings


class ApiSecrets(pulumi.ComponentResource):
    """Those that are generated, and those that the settings bring. `by_variable` is what a task is given."""

    by_variable: dict[str, pulumi.Output[str]]
    encryption_key: Secret

    def __init__(
        self,
        name: str,
        settings: Settings,
        keys: Keys,
        database_url: Secret,
        redis_url: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:ApiSecrets", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        jwt = RotatingSecret("jwt-secret", settings.rotations.jwt_secret, child)
        encryption = RotatingSecret("encryption-key", settings.rotations.encryption_key, child)
        values: dict[str, pulumi.Input[str]] = {
            "REDIS_URL": redis_url,
            "JWT_SECRET": jwt.accepted(),
            "ENCRYPTION_KEY": encryption.accepted(variables.encryption_key),
        }
        given = {each: getattr(settings.keys, each) for each in ServiceKeys.model_fields} if settings.keys else {}
        if settings.sentry_dsn:
            given["sentry_dsn"] = settings.sentry_dsn
        values |= {each.upper(): pulumi.Output.secret(value.get_secret_value()) for each, value in given.items()}
        secrets = {
            variable: Secret(variable.lower().replace("_", "-"), settings, keys, value, child)
            for variable, value in sorted(values.items())
        }
        self.encryption_key = secrets["ENCRYPTION_KEY"]
        self.by_variable = {variable: secret.reference for variable, secret in secrets.items()}
        self.by_variable["DATABASE_URL"] = database_url.reference
        self.register_outputs({})
