"""The ECS cluster that all tasks of a stack run in, their log and their way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws

from infra import database

if TYPE_CHECKING:
    from pydantic import SecretStr

    from infra.key.aws import Keys
    from infra.network.aws import Network
    from infra.settings import Settings

ANYWHERE = "0.0.0.0/0"
CACHE_PORT = 6379


@dataclass(frozen=True, order=True)
class Way:
    """A TCP port that tasks may connect to, and where."""

    port: int
    cidr: str
    what: str


def ways_out(settings: Settings, cidr: str) -> list[Way]:
    """What a task has to reach: HTTPS anywhere, and the database and the cache where they are.

    An allow-list of addresses for HTTPS would have to follow those of Stripe, v0, Sentry and AWS.
    """
    ways = {Way(443, ANYWHERE, "HTTPS: AWS, Stripe, v0, Sentry")}
    if settings.database.kind == "external":
        urls = settings.database.url, settings.database.owner_url
        ways |= {Way(_port(url, 5432), ANYWHERE, "external database") for url in urls if url}
    else:
        ways.add(Way(database.PORT, cidr, "database"))
    if settings.cache.url and settings.cache.kind == "external":
        ways.add(Way(_port(settings.cache.url, CACHE_PORT), ANYWHERE, "external cache"))
    else:
        ways.add(Way(CACHE_PORT, cidr, "cache"))
    return sorted(ways)


def _port(url: SecretStr, default: int) -> int:
    return urlsplit(url.get_secret_value()).port or default


class Cluster(pulumi.ComponentResource):
    """Where tasks run. Nothing may enter their security group until a rule of another room says so."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]
    log_group_arn: pulumi.Output[str]
    task_security_group_id: pulumi.Output[str]

    def __init__(
        self, name: str, settings: Settings, network: Network, keys: Keys, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("nuggetwise:aws:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        logs = self._log_group("tasks", settings, keys, None)
        # Container Insights would make its own log group within a minute, which keeps everything for ever. Ours has to
        # be there before the cluster and go after it, so the cluster's name has to be known first: it is its log's.
        performance = pulumi.Output.concat("/aws/ecs/containerinsights/", logs.name, "/performance")
        insights = self._log_group("insights", settings, keys, performance)
        cluster = aws.ecs.Cluster(
            name,
            name=logs.name,
            settings=[{"name": "containerInsights", "value": "enhanced"}],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[insights]),
        )
        group = aws.ec2.SecurityGroup(
            "tasks", vpc_id=network.vpc_id, description="Tasks of the API, the migrations and the schedules", opts=child
        )
        for way in ways_out(settings, network.cidr):
            aws.vpc.SecurityGroupEgressRule(
                f"tasks-to-{way.what.partition(':')[0].lower().replace(' ', '-')}-{way.port}",
                security_group_id=group.id,
                ip_protocol="tcp",
                from_port=way.port,
                to_port=way.port,
                cidr_ipv4=way.cidr,
                description=way.what,
                opts=pulumi.ResourceOptions(parent=group),
            )
        self.name, self.arn = cluster.name, cluster.arn
        self.log_group_name, self.log_group_arn = logs.name, logs.arn
        self.task_security_group_id = group.id
        self.register_outputs({})

    def _log_group(
        self, name: str, settings: Settings, keys: Keys, fixed: pulumi.Input[str] | None
    ) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            name,
            name=fixed,
            retention_in_days=settings.watch.log_days,
            kms_key_id=keys.logs.arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
