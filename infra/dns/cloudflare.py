"""The API's name."""

import pulumi

from infra.dns.record import record
from infra.load_balancer.aws import LoadBalancer
from infra.settings import Settings


class Dns(pulumi.ComponentResource):
    """The API's host name, proxied: only Cloudflare knows the load balancer's, and only it gets in there."""

    def __init__(
        self, name: str, settings: Settings, load_balancer: LoadBalancer, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("nuggetwise:cloudflare:Dns", name, None, opts)
        assert settings.api.hostname is not None
        child = pulumi.ResourceOptions(parent=self)
        record("api", settings, "CNAME", settings.api.hostname, load_balancer.dns_name, child, proxied=True)
        self.register_outputs({})
