"""The API's replicas."""

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from infra import labels
from infra.api import variables
from infra.api.replicas import Replicas
from infra.cache.external import ExternalCache
from infra.cache.local import Cache
from infra.container import THIS_MACHINE
from infra.database.external import ExternalDatabase
from infra.database.local import Database
from infra.generated_secret import GeneratedSecret
from infra.load_balancer.local import LoadBalancer
from infra.settings import Settings

# Docker hands out its networks from the private ranges of RFC 1918; within the stack's own, only nginx talks to a
# replica's port 3000.
TRUSTED_PROXIES = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


class Api(pulumi.ComponentResource):
    """Equal replicas that follow each other without losing a request (infra/api/rolling_update.py).

    `services` are the variables by which the API finds Stripe and v0.
    """

    image: pulumi.Output[str]
    version: pulumi.Output[str]
    """Both known once all replicas run them."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        built: docker.RemoteImage,
        database: Database | ExternalDatabase,
        cache: Cache | ExternalCache,
        services: Mapping[str, pulumi.Input[str]],
        network: docker.Network,
        balancer: LoadBalancer,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:local:Api", name, None, opts)
        image_name = settings.image or built.name
        child = pulumi.ResourceOptions(parent=self)
        secrets: dict[str, pulumi.Input[str]] = {
            "DATABASE_URL": database.url,
            "ENCRYPTION_KEY": GeneratedSecret(f"{name}-encryption-key", child).value.apply(variables.encryption_key),
            "JWT_SECRET": GeneratedSecret(f"{name}-jwt-secret", child).value,
            "REDIS_URL": cache.url,
            **services,
        }
        if settings.sentry_dsn:
            secrets["SENTRY_DSN"] = pulumi.Output.secret(settings.sentry_dsn.get_secret_value())
        replicas = Replicas(
            f"{name}-replicas",
            container_name=f"nuggetwise-{settings.name}-{name}",
            labels=labels.of_component(settings.name, "api"),
            network=network.id,
            balancer=balancer.container_id,
            image=settings.image or built.image_id,
            version=variables.app_version(settings),
            environment={
                # A replica is told to end some seconds after the load balancer sent the last request to it.
                "DRAIN_SECONDS": "1",
                "TRUSTED_PROXIES": TRUSTED_PROXIES,
                **variables.plain(settings),
            },
            secrets=secrets,
            limits={"memory": 512, "cpus": 0.5, "hosts": THIS_MACHINE, "probe": {"command": ["probe"], "interval": 3}},
            replicas=settings.api.replicas,
            grace=30,
            ready_within=settings.api.ready_within,
            opts=child,
        )
        # Otherwise a stack would call a release its own that was undone.
        self.image, self.version = (
            pulumi.Output.all(value, replicas.id).apply(lambda known: str(known[0]))
            for value in (image_name, variables.app_version(settings))
        )
        self.register_outputs({})
