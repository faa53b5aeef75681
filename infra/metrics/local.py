"""Prometheus, which scrapes every replica itself."""

import pulumi
import pulumi_docker as docker

from infra.container import local as container
from infra.image import local as image
from infra.settings import Settings


class Metrics(pulumi.ComponentResource):
    """Publishes Prometheus on a loopback port; it keeps seven days in a volume."""

    url: str

    def __init__(
        self, name: str, settings: Settings, port: int, network: docker.Network, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("nuggetwise:local:Metrics", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        container.run(
            name,
            settings.name,
            container.Spec(
                component="metrics",
                image=image.build("prometheus", child),
                probe=container.Probe(
                    ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:9090/-/ready"], interval=10
                ),
                memory=384,
                volumes={"/var/lib/prometheus/data": container.volume(f"{name}-data", settings.name, "metrics", child)},
                ports={9090: port},
            ),
            network,
            pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.url = f"http://127.0.0.1:{port}"
        self.register_outputs({})
