"""A look at the system from outside, by Route 53."""

import pulumi
import pulumi_aws as aws

from infra import names
from infra.alarms.alarm import alarm
from infra.alarms.table import Probe
from infra.settings import Settings

# The one region that Route 53 reports to.
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
REGION = "us-east-1"


class HealthCheck(pulumi.ComponentResource):
    """Asks a page over HTTPS every 30 seconds, from several continents, and rings when it fails three times.

    It goes the way that people go: DNS, then Cloudflare or Vercel. Route 53 does not look at certificates.
    """

    alarm_name: pulumi.Output[str]

    def __init__(
        self, settings: Settings, probe: Probe, topic_arn: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> None:
        """`topic_arn` is one in REGION."""
        name = probe.rule.name
        super().__init__("nuggetwise:aws:HealthCheck", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        check = aws.route53.HealthCheck(
            name,
            type="HTTPS" if probe.path else "TCP",
            fqdn=probe.hostname,
            port=443,
            resource_path=probe.path,
            request_interval=30,
            failure_threshold=3,
            enable_sni=True if probe.path else None,
            # The name that the console shows.
            tags={"Name": names.of(settings, name)},
            opts=child,
        )
        self.alarm_name = alarm(name, probe.rule, {"HealthCheckId": check.id}, topic_arn, child, REGION).name
        self.register_outputs({})
