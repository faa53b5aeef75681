"""An Application Load Balancer that Cloudflare alone can reach."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.api import variables
from infra.bucket.aws import Bucket
from infra.cloudflare_sdk import get_ip_ranges_output
from infra.load_balancer import bucket
from infra.network.aws import Network
from infra.settings import Settings

# TLS 1.3, and 1.2 with forward secrecy and authenticated encryption only; Cloudflare speaks both.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

# A list counts with its greatest size against the 60 rules of a security group; Cloudflare has 15 ranges of IPv4.
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
MOST_RANGES = 40

# As patient as containers' own probes, looking twice as often.
PROBE: aws.lb.TargetGroupHealthCheckArgsDict = {
    "path": "/api/health/ready",
    "matcher": "200",
    "interval": 15,
    "timeout": 10,
    "healthy_threshold": 2,
    "unhealthy_threshold": 3,
}
DRAINING = 30  # seconds that a replica may take to finish what it has begun, which is when it ends itself

NOT_FOUND: aws.lb.ListenerDefaultActionFixedResponseArgsDict = {
    "content_type": "application/json",
    "status_code": "404",
    "message_body": '{"type":"about:blank","title":"Not Found","status":404}',
}

# Health checks pass, so that those from outside and the alarms go on. A fixed response carries no Retry-After.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html
HEALTH = ["/api/health", "/api/health/*"]
MAINTENANCE: aws.lb.ListenerRuleActionFixedResponseArgsDict = {
    "content_type": "application/json",
    "status_code": "503",
    "message_body": '{"type":"about:blank","title":"Service Unavailable","status":503,'
    '"detail":"Maintenance is under way; please try again in a minute."}',
}


class LoadBalancer(pulumi.ComponentResource):
    """HTTPS only, from Cloudflare's addresses, with the zone's own certificate as a client, for the API's host alone.

    The addresses are those of every customer of Cloudflare, so the certificate is what tells our zone from theirs.
    Health checks from outside pass through Cloudflare like everyone. `trusted_proxies` is whom the API may believe
    about a client's address: the load balancer, which is in the VPC, and Cloudflare.
    """

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    listener: aws.lb.Listener
    security_group_id: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    """Known once the listener sends requests there, without which ECS refuses it."""
    target_group_arn_suffix: pulumi.Output[str]
    trusted_proxies: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        network: Network,
        certificate_arn: pulumi.Input[str],
        origin_pull_ca: pulumi.Input[str],
        task_security_group_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:LoadBalancer", name, None, opts)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        ranges = get_ip_ranges_output(opts=pulumi.InvokeOutputOptions(parent=self)).ipv4_cidrs.apply(sorted)
        self.trusted_proxies = ranges.apply(lambda cidrs: ",".join([network.cidr, *cidrs]))
        self.security_group_id = self._security_group(network, ranges, task_security_group_id)
        files = bucket.create(f"{name}-bucket", settings, self._child)
        balancer = aws.lb.LoadBalancer(
            name,
            load_balancer_type="application",
            internal=False,
            subnets=network.public_subnet_ids,
            security_groups=[self.security_group_id],
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            idle_timeout=60,  # below the 75 s of the API, so that it is never the API who closes first
            access_logs={"bucket": files.id, "prefix": bucket.LOGS, "enabled": True},
            enable_deletion_protection=settings.deletion_protection,
            # Turning logs on fails until they can be written.
            opts=pulumi.ResourceOptions(parent=self, depends_on=files.ready),
        )
        target = aws.lb.TargetGroup(
            name,
            vpc_id=network.vpc_id,
            target_type="ip",
            protocol="HTTP",
            port=variables.PORT,
            health_check=PROBE,
            deregistration_delay=DRAINING,
            # A generation takes v0 half a minute, anything else milliseconds.
            load_balancing_algorithm_type="least_outstanding_requests",
            opts=self._child,
        )
        self.listener = aws.lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            protocol="HTTPS",
            port=443,
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate_arn,
            mutual_authentication={"mode": "verify", "trust_store_arn": self._trust_store(files, origin_pull_ca)},
            default_actions=[{"type": "fixed-response", "fixed_response": NOT_FOUND}],
            opts=self._child,
        )
        forwarding = self._rules(settings, target)
        self.arn, self.arn_suffix, self.dns_name = balancer.arn, balancer.arn_suffix, balancer.dns_name
        self.target_group_arn = pulumi.Output.all(target.arn, forwarding.id).apply(lambda known: known[0])
        self.target_group_arn_suffix = target.arn_suffix
        self.register_outputs({})

    def _security_group(
        self, network: Network, ranges: pulumi.Output[list[str]], tasks: pulumi.Input[str]
    ) -> pulumi.Output[str]:
        """In from Cloudflare on 443, and out to the API's port of tasks, which let it in themselves."""
        cloudflare = aws.ec2.ManagedPrefixList(
            "cloudflare",
            address_family="IPv4",
            max_entries=MOST_RANGES,
            entries=ranges.apply(lambda cidrs: [aws.ec2.ManagedPrefixListEntryArgs(cidr=cidr) for cidr in cidrs]),
            opts=self._child,
        )
        group = aws.ec2.SecurityGroup(
            self._name, vpc_id=network.vpc_id, description="Load balancer of the API", opts=self._child
        )
        child = pulumi.ResourceOptions(parent=group)
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-from-cloudflare",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            prefix_list_id=cloudflare.id,
            description="HTTPS from Cloudflare",
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-to-tasks",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=variables.PORT,
            to_port=variables.PORT,
            referenced_security_group_id=tasks,
            description="API",
            opts=child,
        )
        return group.id

    def _trust_store(self, files: Bucket, authority: pulumi.Input[str]) -> pulumi.Output[str]:
        file = aws.s3.BucketObjectv2(
            f"{self._name}-authority",
            bucket=files.id,
            key=f"{bucket.TRUST}/origin-pull-ca.pem",
            content=authority,
            content_type="application/x-pem-file",
            # Only what is written after versioning began has a version.
            opts=pulumi.ResourceOptions(parent=self, depends_on=files.ready),
        )
        return aws.lb.TrustStore(
            self._name,
            ca_certificates_bundle_s3_bucket=file.bucket,
            ca_certificates_bundle_s3_key=file.key,
            # Another authority is another version, which the store then reads.
            ca_certificates_bundle_s3_object_version=file.version_id,
            opts=self._child,
        ).arn

    def _rules(self, settings: Settings, target: aws.lb.TargetGroup) -> aws.lb.ListenerRule:
        """Metrics for nobody, the rest for the API's host; during maintenance nothing but health checks."""
        assert settings.api.hostname is not None  # what the settings' own check promises for a cloud stack
        child = pulumi.ResourceOptions(parent=self.listener)
        aws.lb.ListenerRule(
            f"{self._name}-metrics",
            listener_arn=self.listener.arn,
            priority=1,
            conditions=[{"path_pattern": {"values": ["/api/metrics", "/api/metrics/*"]}}],
            actions=[{"type": "fixed-response", "fixed_response": NOT_FOUND}],
            opts=child,
        )
        host: aws.lb.ListenerRuleConditionArgsDict = {"host_header": {"values": [settings.api.hostname]}}
        if settings.maintenance:
            aws.lb.ListenerRule(
                f"{self._name}-maintenance",
                listener_arn=self.listener.arn,
                priority=3,
                conditions=[host],
                actions=[{"type": "fixed-response", "fixed_response": MAINTENANCE}],
                opts=child,
            )
        # Two rules, so that maintenance comes and goes between them and neither changes.
        forward: aws.lb.ListenerRuleActionArgsDict = {"type": "forward", "target_group_arn": target.arn}
        aws.lb.ListenerRule(
            f"{self._name}-health",
            listener_arn=self.listener.arn,
            priority=2,
            conditions=[host, {"path_pattern": {"values": HEALTH}}],
            actions=[forward],
            opts=child,
        )
        return aws.lb.ListenerRule(
            f"{self._name}-api",
            listener_arn=self.listener.arn,
            priority=4,
            conditions=[host],
            actions=[forward],
            opts=child,
        )
