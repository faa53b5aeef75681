"""What sees the system from outside."""

import json
from typing import Any

import pulumi

from infra.alarms.health_check import REGION
from infra.alarms.outside import Outside, all_of
from infra.alarms.table import probes
from infra.settings import Settings

from .recording import Recorded, cloud_settings, record

CHECK = "aws:route53/healthCheck:HealthCheck"


def outside(settings: Settings) -> list[Recorded]:
    def program(stack: Settings) -> None:
        Outside("outside", stack, pulumi.ResourceOptions())

    return [resource for resource in record(settings, program) if not resource.type.startswith("nuggetwise:")]


def of_type(made: list[Recorded], kind: str) -> list[dict[str, Any]]:
    return [resource.inputs for resource in made if resource.type == kind]


def test_health_liveness_and_the_frontend_are_asked_over_https_by_their_names() -> None:
    checks = of_type(outside(cloud_settings()), CHECK)
    assert {(check["fqdn"], check["resourcePath"]) for check in checks} == {
        ("api.nuggetwise.com", "/api/health"),
        ("api.nuggetwise.com", "/api/health/live"),
        ("nuggetwise.com", "/"),
    }
    for check in checks:
        assert (check["type"], check["port"], check["enableSni"]) == ("HTTPS", 443, True)
        assert (check["requestInterval"], check["failureThreshold"]) == (30, 3)


def test_a_frontend_that_asks_for_a_login_has_only_to_be_there() -> None:
    checks = {check["fqdn"]: check for check in of_type(outside(cloud_settings("staging")), CHECK)}
    assert checks["staging.nuggetwise.com"]["type"] == "TCP"
    assert not {"resourcePath", "enableSni"} & checks["staging.nuggetwise.com"].keys()


def test_checks_of_two_stacks_are_told_apart() -> None:
    assert {check["tags"]["Name"] for check in of_type(outside(cloud_settings("staging")), CHECK)} == {
        f"nuggetwise-staging-{probe.rule.name}" for probe in probes(cloud_settings("staging"))
    }


def test_all_that_rings_for_them_is_where_route_53_reports_to() -> None:
    made = outside(cloud_settings())
    assert {resource.inputs.get("region") for resource in made if resource.type != CHECK} == {REGION}
    kinds = {resource.type.rpartition(":")[2] for resource in made}
    assert {"Topic", "TopicPolicy", "TopicSubscription", "Key", "MetricAlarm", "CompositeAlarm"} <= kinds


def test_a_check_that_reports_nothing_rings() -> None:
    alarms = of_type(outside(cloud_settings()), "aws:cloudwatch/metricAlarm:MetricAlarm")
    assert len(alarms) == 3
    for alarm in alarms:
        assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 1)
        assert alarm["treatMissingData"] == "breaching"


def test_everything_is_lost_when_no_probe_gets_an_answer() -> None:
    (lost,) = of_type(outside(cloud_settings()), "aws:cloudwatch/compositeAlarm:CompositeAlarm")
    expected = [f"{probe.rule.name}-0a1b2c" for probe in probes(cloud_settings())]
    assert lost["alarmRule"] == all_of(expected)
    assert lost["alarmRule"].count(" AND ") == 2
    assert lost["alarmName"] == "nuggetwise-production-everything-lost"


def test_its_key_lets_alarms_be_told_and_rotates() -> None:
    (key,) = of_type(outside(cloud_settings()), "aws:kms/key:Key")
    assert key["enableKeyRotation"] is True
    users = [s["Principal"].get("Service", []) for s in json.loads(key["policy"])["Statement"]]
    assert any("cloudwatch.amazonaws.com" in service for service in users)
