"""nginx in front of the API's replicas."""

import pulumi
import pulumi_docker as docker

from infra.container import local as container
from infra.load_balancer.nginx import NginxSettings
from infra.settings import Settings

# For the other containers of the stack.
INSIDE = "http://load-balancer:8080"


class LoadBalancer(pulumi.ComponentResource):
    """Publishes the API on a loopback port. It is there before the replicas, which an update routes it to.

    Its settings (infra/load_balancer/nginx.conf) and where it sends requests are in a volume: a container that takes
    its place goes on where it ended.
    """

    url: str
    container_id: pulumi.Output[str]
    """Known once it has its settings."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        port: int,
        nginx: docker.RemoteImage,
        network: docker.Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:local:LoadBalancer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        server = container.run(
            name,
            settings.name,
            container.Spec(
                component="load-balancer",
                image=nginx,
                command=["start", "load-balancer"],
                probe=container.Probe(
                    ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/load-balancer/health"], interval=3
                ),
                memory=128,
                aliases=["load-balancer"],
                volumes={
                    "/var/lib/load-balancer": container.volume(f"{name}-data", settings.name, "load-balancer", child)
                },
                ports={8080: port},
                when_replaced="For about a second no connection is accepted. (Settings alone are told without that.)",
                grace=30,
            ),
            network,
            pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        told = NginxSettings(f"{name}-settings", server.id, maintenance=settings.maintenance, opts=child)
        self.url = f"http://127.0.0.1:{port}"
        self.container_id = pulumi.Output.all(server.id, told.id).apply(lambda known: known[0])
        self.register_outputs({})
