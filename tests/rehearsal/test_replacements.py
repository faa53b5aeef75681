"""Which changes replace a resource."""

import pytest

from rehearsal import replacements, schema
from rehearsal.differences import Change, between
from rehearsal.values import Path


@pytest.mark.parametrize(
    ("token", "path"),
    [
        ("aws:ec2/vpc:Vpc", ("cidrBlock",)),
        ("aws:ec2/subnet:Subnet", ("availabilityZone",)),
        ("aws:rds/instance:Instance", ("engine",)),
        ("aws:rds/instance:Instance", ("storageEncrypted",)),
        ("aws:rds/instance:Instance", ("region",)),
        ("aws:ecs/taskDefinition:TaskDefinition", ("containerDefinitions",)),
        ("aws:ecs/taskDefinition:TaskDefinition", ("runtimePlatform", "cpuArchitecture")),
        ("aws:ecs/service:Service", ("deploymentController", "type")),
        ("aws:s3/bucketVersioning:BucketVersioning", ("bucket",)),
        # The SDK's own documentation says so.
        ("aws:secretsmanager/secret:Secret", ("type",)),
        ("cloudflare:index/dnsRecord:DnsRecord", ("zoneId",)),
        ("vercel:index/projectDomain:ProjectDomain", ("domain",)),
    ],
)
def test_replaces(token: str, path: Path) -> None:
    assert replacements.replaces(schema.described(token), path)


@pytest.mark.parametrize(
    ("token", "path"),
    [
        ("aws:ec2/vpc:Vpc", ("tags", "cidrBlock")),
        ("aws:ec2/subnet:Subnet", ("mapPublicIpOnLaunch",)),
        ("aws:rds/instance:Instance", ("instanceClass",)),
        # RDS renames in place.
        ("aws:rds/instance:Instance", ("identifier",)),
        ("aws:ecs/taskDefinition:TaskDefinition", ("tags",)),
        ("aws:ecs/service:Service", ("taskDefinition",)),
        # Only of a network load balancer do these replace it.
        ("aws:lb/loadBalancer:LoadBalancer", ("subnets",)),
        # It may be IMMUTABLE, which is another matter.
        ("aws:ecr/repository:Repository", ("imageTagMutability",)),
        ("cloudflare:index/dnsRecord:DnsRecord", ("content",)),
    ],
)
def test_changes_in_place(token: str, path: Path) -> None:
    assert not replacements.replaces(schema.described(token), path)


@pytest.mark.parametrize("token", replacements.REPLACING)
def test_the_table_names_what_the_sdk_has(token: str) -> None:
    listed = {name.partition(".")[0] for name in replacements.REPLACING[token].split()}
    assert listed <= schema.described(token).inputs.keys()


def test_differences_are_told_one_value_at_a_time() -> None:
    old = {"tags": {"a": "1", "b": "2"}, "rules": [{"port": 80}], "gone": True}
    new = {"tags": {"a": "1", "b": "3"}, "rules": [{"port": 80}, {"port": 443}], "empty": []}
    assert dict(between(old, new)) == {
        ("tags", "b"): Change.UPDATE,
        ("rules", 1): Change.ADD,
        ("gone",): Change.DELETE,
    }


def test_a_policy_written_otherwise_is_the_same_policy() -> None:
    assert not list(between({"policy": '{"a":1,"b":[2]}'}, {"policy": '{"b": [2], "a": 1}'}))
    assert list(between({"policy": '{"a":1}'}, {"policy": '{"a":2}'}))
    assert list(between({"policy": "{a"}, {"policy": "{b"}))


def test_true_is_not_one() -> None:
    assert list(between({"x": True}, {"x": 1}))
