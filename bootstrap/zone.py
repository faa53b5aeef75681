"""What Cloudflare has once for the whole zone."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_cloudflare as cloudflare

from bootstrap import edge_rules
from bootstrap.origin_pull_deployment import OriginPullDeployment
from bootstrap.origin_pull_identity import OriginPullIdentity
from bootstrap.settings import Settings

# For a year browsers use nothing but HTTPS for a host that they have seen. Subdomains are not included and the zone is
# not on browsers' own lists: other hosts of the zone may have no certificate, and neither can be taken back soon.
HSTS = {"enabled": True, "max_age": 31_536_000, "include_subdomains": False, "preload": False, "nosniff": True}

SETTINGS: Mapping[str, Any] = {
    "ssl": "strict",  # a certificate that is not valid for the host ends the request, between Cloudflare and us too
    "min_tls_version": "1.2",
    "tls_1_3": "on",
    "always_use_https": "on",
    "automatic_https_rewrites": "on",
    "security_header": {"strict_transport_security": HSTS},
}


class Zone(pulumi.ComponentResource):
    """Settings, origin pulls and rules of the zone. The stacks declare records in it and nothing else.

    `origin_pull_ca` is what load balancers trust: Cloudflare's own certificate for origin pulls is the same for all of
    its customers, so it would let any of them in.
    """

    origin_pull_ca: pulumi.Output[str]

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:bootstrap:Zone", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        zone_id = settings.cloudflare.zone_id
        for setting, value in SETTINGS.items():
            cloudflare.ZoneSetting(
                setting.replace("_", "-"), zone_id=zone_id, setting_id=setting, value=value, opts=child
            )
        self.origin_pull_ca = self._pull_from_origins(settings, child)
        self._rule(settings, child)
        self.register_outputs({})

    def _pull_from_origins(self, settings: Settings, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
        """Makes, uploads and, once it is in use, switches on our certificate, for every proxied host of the zone.

        A renewal takes Cloudflare's own steps to lose no request: upload, wait until active, delete the one before. All
        of them are signed by an authority that load balancers trust already.
        https://developers.cloudflare.com/ssl/origin-configuration/authenticated-origin-pull/set-up/manage-certificates/
        """
        zone_id, name = settings.cloudflare.zone_id, "origin-pull"
        identity = OriginPullIdentity(name, settings.cloudflare.zone, opts)
        certificate = cloudflare.AuthenticatedOriginPullsCertificate(
            name,
            zone_id=zone_id,
            certificate=identity.certificate,
            private_key=identity.private_key,
            # Said outright: none is changed in place, and the one that serves must not go before the next came.
            opts=pulumi.ResourceOptions(
                parent=self, replace_on_changes=["certificate", "privateKey"], delete_before_replace=False
            ),
        )
        deployed = OriginPullDeployment(name, zone_id, certificate.id, opts)
        cloudflare.AuthenticatedOriginPullsSettings(
            name, zone_id=zone_id, enabled=True, opts=pulumi.ResourceOptions(parent=self, depends_on=[deployed])
        )
        cloudflare.NotificationPolicy(
            name,
            name="nuggetwise: the origin-pull certificate ends soon",
            description="`pulumi up -C bootstrap -s global` renews it; without it every request to the API is refused",
            account_id=cloudflare.get_zone_output(zone_id=zone_id).account.id,
            alert_type="zone_aop_custom_certificate_expiration_type",
            enabled=True,
            mechanisms={"emails": [{"id": settings.watch.email}]},
            opts=opts,
        )
        return identity.trusted

    def _rule(self, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        for ruleset in edge_rules.rulesets(settings.cloudflare):
            cloudflare.Ruleset(
                ruleset.name,
                zone_id=settings.cloudflare.zone_id,
                kind="zone",
                name=f"nuggetwise {ruleset.name}",
                phase=ruleset.phase,
                rules=list(ruleset.rules),
                opts=opts,
            )
