"""nginx in front of the API's replicas."""

import pulumi
import pulumi_docker as docker

from infra.container import local as container
from infra.settings import Settings

# For the other containers of the stack.
INSIDE = "http://load-balancer:8080"


class LoadBalancer(pulumi.ComponentResource):
    """Publishes the API on a loopback port and finds its replicas by DNS (images/nginx/load-balancer.conf)."""

    url: str

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
        container.run(
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
                ports={8080: port},
                grace=30,
            ),
            network,
            pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.url = f"http://127.0.0.1:{port}"
        self.register_outputs({})
