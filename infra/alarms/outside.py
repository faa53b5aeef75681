"""What sees the system from outside, and goes on telling when its region is gone."""

from collections.abc import Iterable

import pulumi
import pulumi_aws as aws

from infra import names
from infra.alarms.health_check import REGION, HealthCheck
from infra.alarms.table import everything_lost, probes
from infra.alarms.topic import Topic
from infra.key import policies
from infra.key.aws import Key
from infra.settings import Settings


def all_of(alarms: Iterable[str]) -> str:
    """A rule that holds while each of these alarms rings."""
    return " AND ".join(f'ALARM("{alarm}")' for alarm in alarms)


class Outside(pulumi.ComponentResource):
    """Health checks of the API and the frontend, their alarms, and the one that rings when all of them do.

    Route 53 reports to us-east-1, and an alarm can only tell a topic of its own region; so that topic, and the key that
    encrypts it, are there. The price of the key, 1 USD a month, also buys that this watch needs nothing of the region
    that it watches.
    """

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Outside", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = settings.place.account
        key = Key(
            name,
            names.of(settings, name),
            f"alarms from outside of {settings.name}",
            account,
            child,
            statements=policies.encrypts_topics(account),
            region=REGION,
        )
        topic = Topic(f"{name}-alarms", settings, key.arn, REGION, child)
        checks = [HealthCheck(settings, probe, topic.arn, child) for probe in probes(settings)]
        aws.cloudwatch.CompositeAlarm(
            "everything-lost",
            alarm_name=names.of(settings, "everything-lost"),
            alarm_description=everything_lost(settings),
            alarm_rule=pulumi.Output.all(*(check.alarm_name for check in checks)).apply(all_of),
            alarm_actions=[topic.arn],
            ok_actions=[topic.arn],
            region=REGION,
            opts=child,
        )
        self.register_outputs({})
