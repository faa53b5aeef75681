"""Valkey on ElastiCache, and a cache that lives elsewhere."""

from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pulumi
import pytest

from infra.cache.aws import Cache, group_id
from infra.cache.external import ExternalCache
from infra.key.aws import Keys
from infra.settings import Settings

from .recording import Recorded, Told, cloud_settings, is_secret, record

NETWORK = cast("Any", SimpleNamespace(vpc_id="vpc-1", isolated_subnet_ids=["subnet-a", "subnet-b"]))


class Declared:
    """What a cache of these settings registers, and what it tells others."""

    def __init__(self, stack: Settings) -> None:
        self.told = Told()
        self.resources = record(stack, self._program)

    def _program(self, settings: Settings) -> None:
        keys = Keys("keys", settings, pulumi.ResourceOptions())
        made = Cache("cache", settings, NETWORK, keys, ["sg-tasks"], pulumi.ResourceOptions())
        self.told.listen(url=made.url, identifier=made.identifier)

    def only(self, kind: str) -> dict[str, Any]:
        (found,) = [r.inputs for r in self.resources if r.type == kind]
        return found

    @property
    def group(self) -> dict[str, Any]:
        return self.only("aws:elasticache/replicationGroup:ReplicationGroup")


@pytest.fixture(scope="module")
def production() -> Declared:
    return Declared(cloud_settings())


@pytest.fixture(scope="module")
def staging() -> Declared:
    return Declared(cloud_settings("staging"))


def test_it_is_valkey_8_which_takes_minor_versions_by_itself(production: Declared) -> None:
    inputs = production.group
    assert (inputs["engine"], inputs["engineVersion"]) == ("valkey", "8.0")
    assert inputs["autoMinorVersionUpgrade"] is True, "ElastiCache.2"


def test_a_minor_version_that_it_took_is_not_taken_back(production: Declared) -> None:
    (group,) = [r for r in production.resources if r.type == "aws:elasticache/replicationGroup:ReplicationGroup"]
    assert group.ignored == ("engineVersion",), "a lower one than it runs would replace it"


def test_nobody_speaks_to_it_without_tls_and_token(production: Declared) -> None:
    inputs = production.group
    assert inputs["transitEncryptionEnabled"] is True, "ElastiCache.5"
    assert inputs["transitEncryptionMode"] == "required"
    assert is_secret(inputs["authToken"]), "ElastiCache.6"


def test_it_is_encrypted_by_our_own_key(production: Declared) -> None:
    assert production.group["atRestEncryptionEnabled"] is True, "ElastiCache.4"
    assert production.group["kmsKeyId"].endswith("keys-data")


def test_production_fails_over_to_a_replica_in_another_zone(production: Declared, staging: Declared) -> None:
    switches = ("numCacheClusters", "automaticFailoverEnabled", "multiAzEnabled")
    assert [production.group[switch] for switch in switches] == [2, True, True], "ElastiCache.3"
    # AWS refuses failover where there is nothing to fail over to.
    assert [staging.group[switch] for switch in switches] == [1, False, False]


def test_it_is_backed_up_daily(production: Declared, staging: Declared) -> None:
    for stack in (production, staging):
        assert stack.group["snapshotRetentionLimit"] >= 1, "ElastiCache.1"


def test_it_is_reached_from_isolated_subnets_by_its_clients_alone(production: Declared) -> None:
    assert production.group["subnetGroupName"] == "cache-0a1b2c", "ElastiCache.7"
    assert production.only("aws:elasticache/subnetGroup:SubnetGroup")["subnetIds"] == ["subnet-a", "subnet-b"]
    assert production.group["securityGroupIds"] == ["cache-id"]
    rule = production.only("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rule["referencedSecurityGroupId"] == "sg-tasks"
    assert (rule["fromPort"], rule["toPort"]) == (6379, 6379)
    assert not {"ingress", "egress"} & production.only("aws:ec2/securityGroup:SecurityGroup").keys()


def test_when_memory_is_short_it_drops_what_ends_first_as_on_dev(production: Declared) -> None:
    inputs = production.only("aws:elasticache/parameterGroup:ParameterGroup")
    assert inputs["family"] == "valkey8"
    assert {"name": "maxmemory-policy", "value": "volatile-ttl"} in inputs["parameters"]


def test_the_url_is_tls_with_the_token_and_stays_secret(production: Declared) -> None:
    url = urlsplit(production.told.values["url"])
    assert (url.scheme, url.port, url.path) == ("rediss", 6379, "/0")
    assert url.hostname == "master.cache.abc.euc1.cache.amazonaws.com"
    assert url.password == production.group["authToken"]["value"]
    assert production.told.secrets == {"url"}


@pytest.mark.parametrize(
    ("rotation", "strategy"), [((0, 0), "SET"), ((1, 0), "ROTATE"), ((1, 1), "SET"), ((2, 1), "ROTATE")]
)
def test_during_a_rotation_both_tokens_are_accepted_and_then_the_newest_alone(
    rotation: tuple[int, int], strategy: str
) -> None:
    number, retired = rotation
    stack = cloud_settings(rotations={"cache_token": {"number": number, "retired": retired}})
    assert Declared(stack).group["authTokenUpdateStrategy"] == strategy


def test_another_generation_stands_beside_the_one_before() -> None:
    second = cloud_settings(cache={"kind": "elasticache", "generation": 2})
    assert Declared(second).group["replicationGroupId"] == "nuggetwise-production-cache-2"


def test_a_stack_whose_cache_would_have_too_long_a_name_is_told_so() -> None:
    long = cloud_settings("staging", name="staging-of-somebody-else-indeed")
    with pytest.raises(pulumi.RunError, match=r"ElastiCache takes 40; give the stack a shorter name"):
        group_id(long)


def test_a_cache_elsewhere_is_its_url_and_that_stays_secret() -> None:
    told = Told()

    def program(settings: Settings) -> None:
        made = ExternalCache(settings)
        told.listen(url=made.url)
        assert made.identifier is None

    external = {"kind": "external", "url": "rediss://:token@redis.example.com:16379/0"}
    nothing: list[Recorded] = []
    assert record(cloud_settings(cache=external), program) == nothing
    assert told.values == {"url": external["url"]}
    assert told.secrets == {"url"}
