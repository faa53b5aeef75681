"""What the rehearsed clouds fill in."""

import re
from pathlib import Path
from typing import Any

import pytest

from rehearsal import computed, schema
from rehearsal.cloud import Cloud, Record
from rehearsal.computed import SHAPES, Place

ACCOUNT = "123456789012"
PLACE = Place(ACCOUNT, "eu-central-1", {"stack": "production"}, "127.0.0.1:5001")
TYPES = [(token, shape) for shapes in SHAPES.values() for token, shape in shapes.items()]


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "cloud.db")


def made(cloud: Cloud, token: str, **inputs: Any) -> dict[str, Any]:
    return computed.of(schema.described(token), inputs, PLACE, cloud)[1]


@pytest.mark.parametrize(
    ("token", "inputs", "output", "pattern"),
    [
        ("aws:ec2/vpc:Vpc", {}, "id", r"vpc-0[0-9a-f]{16}"),
        ("aws:ec2/vpc:Vpc", {}, "arn", rf"arn:aws:ec2:eu-central-1:{ACCOUNT}:vpc/vpc-0[0-9a-f]{{16}}"),
        ("aws:ec2/subnet:Subnet", {"vpcId": "vpc-1", "region": "eu-west-1"}, "arn", r"arn:aws:ec2:eu-west-1:.*"),
        ("aws:rds/instance:Instance", {"identifier": "db"}, "id", r"db-[A-Z2-7]{26}"),
        (
            "aws:rds/instance:Instance",
            {"identifier": "db", "port": 5433},
            "endpoint",
            r"db\.[a-z0-9]{12}\.eu-central-1\.rds\.amazonaws\.com:5433",
        ),
        (
            "aws:elasticache/replicationGroup:ReplicationGroup",
            {"replicationGroupId": "cache"},
            "primaryEndpointAddress",
            r"master\.cache\.[a-z0-9]{6}\.euc1\.cache\.amazonaws\.com",
        ),
        ("aws:lb/loadBalancer:LoadBalancer", {"name": "api"}, "arnSuffix", r"app/api/[0-9a-f]{16}"),
        ("aws:lb/targetGroup:TargetGroup", {"name": "api"}, "arnSuffix", r"targetgroup/api/[0-9a-f]{16}"),
        ("aws:kms/key:Key", {"multiRegion": True}, "keyId", r"mrk-[0-9a-f]{32}"),
        ("aws:kms/key:Key", {}, "keyId", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("aws:s3/bucket:Bucket", {"bucket": "b"}, "arn", r"arn:aws:s3:::b"),
        ("aws:ecr/repository:Repository", {"name": "nug/api"}, "repositoryUrl", r"127\.0\.0\.1:5001/nug/api"),
        ("aws:secretsmanager/secret:Secret", {"name": "s"}, "arn", r".*:secret:s-[A-Za-z0-9]{6}"),
        ("aws:sns/topic:Topic", {"namePrefix": "al"}, "name", r"al\d{26}"),
        ("aws:xray/group:Group", {"groupName": "g"}, "arn", r"arn:aws:xray:eu-central-1:\d{12}:group/[a-z0-9]{24}"),
        ("cloudflare:index/ruleset:Ruleset", {"name": "r"}, "id", r"[0-9a-f]{32}"),
        ("vercel:index/project:Project", {"name": "web"}, "id", r"prj_[A-Za-z0-9]{28}"),
    ],
)
def test_outputs_look_like_the_real_ones(
    cloud: Cloud, token: str, inputs: dict[str, Any], output: str, pattern: str
) -> None:
    assert re.fullmatch(pattern, made(cloud, token, **inputs)[output])


def test_all_inputs_are_outputs_as_well(cloud: Cloud) -> None:
    inputs = {"identifier": "db", "instanceClass": "db.t4g.micro", "backupWindow": "03:00-04:00"}
    assert inputs.items() <= made(cloud, "aws:rds/instance:Instance", **inputs).items()


def test_tags_of_the_provider_are_added(cloud: Cloud) -> None:
    assert made(cloud, "aws:ec2/vpc:Vpc", tags={"a": "b"})["tagsAll"] == {"stack": "production", "a": "b"}


def test_a_password_that_rds_keeps_has_a_secret(cloud: Cloud) -> None:
    secrets = made(cloud, "aws:rds/instance:Instance", identifier="db", manageMasterUserPassword=True)
    assert re.search(r":secret:rds!db-[0-9a-f-]{36}-\w{6}$", secrets["masterUserSecrets"][0]["secretArn"])


def test_each_domain_of_a_certificate_has_a_record_to_validate_it(cloud: Cloud) -> None:
    names = {"domainName": "api.x.com", "subjectAlternativeNames": ["*.x.com", "api.x.com"]}
    options = made(cloud, "aws:acm/certificate:Certificate", **names)["domainValidationOptions"]
    assert [option["domainName"] for option in options] == ["api.x.com", "*.x.com"]
    assert re.fullmatch(r"_[0-9a-f]{32}\.x\.com\.", options[1]["resourceRecordName"])


def test_the_number_of_a_task_definition_is_not_given_twice(cloud: Cloud) -> None:
    kind, inputs = "aws:ecs/taskDefinition:TaskDefinition", {"family": "api", "containerDefinitions": "[]"}
    for revision in (1, 2):
        outputs = made(cloud, kind, **inputs)
        assert outputs["id"] == "api"
        assert outputs["arn"] == f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task-definition/api:{revision}"
        key = computed.key(kind, outputs["id"], outputs)
        cloud.bury(cloud.create(Record(kind, key, "eu-central-1", outputs=outputs)), "inactive")


@pytest.mark.parametrize(("token", "shape"), TYPES, ids=[token for token, _ in TYPES])
def test_every_shape_fills_in_what_the_sdk_has(token: str, shape: computed.Shape) -> None:
    # The first two are written once for all types of EC2, of which some have them.
    assert shape.outputs.keys() - {"arn", "ownerId"} <= schema.described(token).outputs
