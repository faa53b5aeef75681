"""The alarms in the stack's own region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.alarms.alarm import alarm
from infra.alarms.rule import Rule, Subject
from infra.alarms.table import rules
from infra.metrics import aws as metrics
from infra.settings import Settings

# Events of RDS that say a database is or may soon be lost, or that somebody changed what protects it.
# https://docs.aws.amazon.com/securityhub/latest/userguide/rds-controls.html#rds-20 (and RDS.21, RDS.22)
EVENTS: dict[str, tuple[str, ...]] = {
    "db-instance": (
        "availability",
        "configuration change",
        "deletion",
        "failover",
        "failure",
        "low storage",
        "maintenance",
        "recovery",
    ),
    "db-parameter-group": ("configuration change",),
    "db-security-group": ("configuration change", "failure"),
}

Dimensions = Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True)
class Watched:
    """What is watched. A database or cache that lives elsewhere has no identifier here."""

    cluster: pulumi.Input[str]
    service: pulumi.Input[str]
    load_balancer: pulumi.Input[str]
    """The load balancer's `arn_suffix`."""
    targets: pulumi.Input[str]
    """The target group's `arn_suffix`."""
    dead_letters: pulumi.Input[str]
    """The name of the schedules' queue."""
    database: pulumi.Input[str] | None
    cache: pulumi.Input[str] | None


class DeploymentAlarms(pulumi.ComponentResource):
    """The alarms that take a deployment back; the service, which the others watch, has to know their `names`."""

    names: list[pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        settings: Settings,
        topic_arn: pulumi.Input[str],
        load_balancer: pulumi.Input[str],
        targets: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """`load_balancer` and `targets` are the `arn_suffix` of each."""
        super().__init__("nuggetwise:aws:DeploymentAlarms", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        of = _balanced(load_balancer, targets)
        declared = [
            alarm(rule.name, rule, one, topic_arn, child)
            for rule in rules(settings)
            if rule.rolls_back
            for one in of[rule.subject]
        ]
        self.names = [one.name for one in declared]
        self.register_outputs({})


class Alarms(pulumi.ComponentResource):
    """All other alarms of the stack's own region, and what RDS says by itself."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        topic_arn: pulumi.Input[str],
        watched: Watched,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:Alarms", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        of = dimensions(settings, watched)
        for rule in rules(settings):
            if not rule.rolls_back:
                _declare(rule, of[rule.subject], topic_arn, child)
        for source, categories in EVENTS.items() if watched.database is not None else ():
            aws.rds.EventSubscription(
                f"{source}-events",
                sns_topic=topic_arn,
                source_type=source,
                # Parameter and security groups have no fixed names; those of the account are few.
                source_ids=[watched.database] if source == "db-instance" and watched.database else None,
                event_categories=list(categories),
                opts=child,
            )
        self.register_outputs({})


def _declare(rule: Rule, of: Sequence[Dimensions], topic_arn: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
    for number, one in enumerate(of, start=1):
        alarm(rule.name if len(of) == 1 else f"{rule.name}-{number}", rule, one, topic_arn, opts)


def _balanced(load_balancer: pulumi.Input[str], targets: pulumi.Input[str]) -> dict[Subject, list[Dimensions]]:
    # What the load balancer answers by itself it reports without a target group.
    return {
        "load balancer": [{"LoadBalancer": load_balancer}],
        "targets": [{"LoadBalancer": load_balancer, "TargetGroup": targets}],
    }


def dimensions(settings: Settings, watched: Watched) -> dict[Subject, list[Dimensions]]:
    """How CloudWatch names what is watched; a cache is as many nodes as it has replicas, and one."""
    of: dict[Subject, list[Dimensions]] = {
        **_balanced(watched.load_balancer, watched.targets),
        "service": [{"ClusterName": watched.cluster, "ServiceName": watched.service}],
        "api": [metrics.dimensions(settings)],
        "api requests": [metrics.request_dimensions(settings)],
        "backups": [{"stack": settings.name}],
        "dead letters": [{"QueueName": watched.dead_letters}],
    }
    if watched.database is not None:
        of["database"] = [{"DBInstanceIdentifier": watched.database}]
    if watched.cache is not None:
        # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.html
        of["cache"] = [
            {"CacheClusterId": pulumi.Output.concat(watched.cache, f"-{node:03d}")}
            for node in range(1, settings.cache.replicas + 2)
        ]
    return of
