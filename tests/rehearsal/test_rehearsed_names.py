"""What the rehearsal calls resources."""

from typing import Any

import pytest

from rehearsal import names, schema
from rehearsal.names import Proposal
from rehearsal.values import UNKNOWN

PROPOSED = Proposal("nuggetwise-Production-Database-1a2b")


def named(token: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, Any]:
    return names.named(schema.described(token), news, olds or {}, PROPOSED)


def mistake(token: str, **inputs: object) -> str:
    found = names.mistake(schema.described(token), inputs)
    return found.reason if found else ""


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("aws:sns/topic:Topic", {"name": "nuggetwise-Production-Database-1a2b"}),
        ("aws:rds/instance:Instance", {"identifier": "nuggetwise-production-database-1a2b"}),
        ("aws:s3/bucket:Bucket", {"bucket": "nuggetwise-production-database-1a2b"}),
        (
            "aws:elasticache/replicationGroup:ReplicationGroup",
            {"replicationGroupId": "nuggetwise-production-database-1a2b"},
        ),
        ("aws:kms/alias:Alias", {"name": "alias/nuggetwise-Production-Database-1a2b"}),
    ],
)
def test_what_has_no_name_gets_the_engines(token: str, expected: dict[str, str]) -> None:
    assert named(token, {}) == {**expected, "__defaults": list(expected)}


def test_a_name_of_ones_own_stays() -> None:
    assert named("aws:sns/topic:Topic", {"name": "alarms"}) == {"name": "alarms", "__defaults": []}
    assert named("aws:sns/topic:Topic", {"namePrefix": "al"}) == {"namePrefix": "al", "__defaults": []}


def test_a_name_once_given_stays_while_the_resource_lives() -> None:
    first = {"name": "earlier-1a2b", "__defaults": ["name"]}
    assert named("aws:sns/topic:Topic", {}, first) == first
    # Taken out of the program, a name of one's own gives way to a new one.
    assert named("aws:sns/topic:Topic", {}, {"name": "alarms", "__defaults": []})["name"] == PROPOSED.name


@pytest.mark.parametrize("token", ["aws:ec2/vpc:Vpc", "cloudflare:index/dnsRecord:DnsRecord"])
def test_what_pulumi_does_not_name_is_left_alone(token: str) -> None:
    assert named(token, {}) == {"__defaults": []}


def test_an_enforced_name_is_taken_as_it_is() -> None:
    kind = schema.described("aws:s3/bucket:Bucket")
    assert names.named(kind, {}, {}, Proposal("Mine", "enforce"))["bucket"] == "Mine"
    assert "bucket" not in names.named(kind, {}, {}, Proposal("Mine", "disable"))


@pytest.mark.parametrize(
    ("token", "longest"),
    [("aws:lb/loadBalancer:LoadBalancer", 32), ("aws:lb/targetGroup:TargetGroup", 32), ("aws:iam/role:Role", 64)],
)
def test_a_name_too_long_for_aws_is_refused(token: str, longest: int) -> None:
    assert not mistake(token, name="a" * longest)
    assert f"cannot be longer than {longest} characters" in mistake(token, name="a" * (longest + 1))


@pytest.mark.parametrize(
    ("token", "property", "name"),
    [
        ("aws:lb/loadBalancer:LoadBalancer", "name", "internal-api"),
        ("aws:lb/targetGroup:TargetGroup", "name", "api-"),
        ("aws:rds/instance:Instance", "identifier", "1database"),
        ("aws:rds/instance:Instance", "identifier", "data--base"),
        ("aws:s3/bucket:Bucket", "bucket", "Backups"),
        ("aws:kms/alias:Alias", "name", "data"),
        ("aws:kms/alias:Alias", "name", "alias/aws/rds"),
        ("aws:ec2/securityGroup:SecurityGroup", "name", "sg-tasks"),
    ],
)
def test_a_name_that_aws_does_not_take_is_refused(token: str, property: str, name: str) -> None:
    assert "invalid name" in mistake(token, **{property: name})


def test_a_name_still_to_come_is_not_judged() -> None:
    assert not mistake("aws:iam/role:Role", name=UNKNOWN)


def test_only_a_name_of_ones_own_collides_with_its_predecessor() -> None:
    kind = schema.described("aws:sns/topic:Topic")
    assert names.collides(kind, {"name": "alarms"}, {"name": "alarms", "__defaults": []})
    assert not names.collides(kind, {"name": "alarms"}, {"name": "alarms", "__defaults": ["name"]})
    assert not names.collides(kind, {"name": "alarms"}, {"name": "others", "__defaults": []})


@pytest.mark.parametrize("token", sorted({*names.NAMED, *names.SMALL, *names.RULES}))
def test_every_rule_is_of_a_type_with_a_name(token: str) -> None:
    kind = schema.described(token)
    assert names.property_of(kind) in kind.inputs
