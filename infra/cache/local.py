"""Valkey in a container. It keeps nothing across a restart: what must not be lost is in the database."""

import pulumi
import pulumi_docker as docker

from infra.container import local as container
from infra.generated_secret import GeneratedSecret
from infra.image import local as image
from infra.settings import Settings


class Cache(pulumi.ComponentResource):
    """A Valkey 8 server for one stack."""

    url: pulumi.Output[str]

    def __init__(self, name: str, settings: Settings, network: docker.Network, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:local:Cache", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        password = GeneratedSecret(f"{name}-password", child).value
        container.run(
            name,
            settings.name,
            container.Spec(
                component="cache",
                image=image.build("cache", child),
                probe=container.Probe(["valkey-cli", "ping"], interval=3),
                memory=192,
                environment={"REDISCLI_AUTH": password},
                aliases=["cache"],
                when_replaced="Valkey starts empty: cached answers are computed anew, and no request fails.",
            ),
            network,
            pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.url = pulumi.Output.concat("redis://:", password, "@cache:6379/0")
        self.register_outputs({})
