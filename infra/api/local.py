"""The API's replicas."""

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from infra.api import variables
from infra.cache.local import Cache
from infra.container import local as container
from infra.database.local import Database
from infra.generated_secret import GeneratedSecret
from infra.settings import Settings

# Docker hands out its networks from the private ranges of RFC 1918; within the stack's own, only nginx talks to a
# replica's port 3000.
TRUSTED_PROXIES = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


class Api(pulumi.ComponentResource):
    """Equal replicas that share a network alias. A changed one is created and healthy before the old one stops.

    `services` are the variables by which it finds Stripe and v0.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        image: docker.RemoteImage,
        database: Database,
        cache: Cache,
        services: Mapping[str, pulumi.Input[str]],
        network: docker.Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:local:Api", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        environment: dict[str, pulumi.Input[str]] = {
            "DATABASE_URL": database.url,
            "ENCRYPTION_KEY": GeneratedSecret(f"{name}-encryption-key", child).value.apply(variables.encryption_key),
            "JWT_SECRET": GeneratedSecret(f"{name}-jwt-secret", child).value,
            "REDIS_URL": cache.url,
            "TRUSTED_PROXIES": TRUSTED_PROXIES,
            **variables.plain(settings),
            **services,
        }
        if settings.sentry_dsn:
            environment["SENTRY_DSN"] = pulumi.Output.secret(settings.sentry_dsn.get_secret_value())
        for index in range(settings.api.replicas):
            container.run(
                f"{name}-{index}",
                settings.name,
                container.Spec(
                    component="api",
                    image=image,
                    probe=container.Probe(["probe"], interval=3),
                    memory=512,
                    cpus=0.5,
                    environment=environment,
                    aliases=["api"],
                    grace=30,
                ),
                network,
                # Said outright, because the plugin deletes a container first where nothing is said.
                pulumi.ResourceOptions(parent=self, delete_before_replace=False),
            )
        self.register_outputs({})
