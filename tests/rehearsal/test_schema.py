"""What the rehearsal knows of the real SDKs' types."""

import pytest

from rehearsal import schema
from rehearsal.schema import Kind, UnknownType
from rehearsal.values import UNKNOWN

INSTANCE = "aws:rds/instance:Instance"


def reasons(token: str, **inputs: object) -> dict[str, str]:
    return {one.property: one.reason for one in schema.mistakes(schema.described(token).inputs, inputs)}


@pytest.mark.parametrize(
    ("token", "required", "computed"),
    [
        (INSTANCE, {"instanceClass"}, {"address", "endpoint", "masterUserSecrets"}),
        ("aws:s3/bucketVersioning:BucketVersioning", {"bucket", "versioningConfiguration"}, {"region"}),
        ("cloudflare:index/dnsRecord:DnsRecord", {"name", "ttl", "type", "zoneId"}, {"modifiedOn"}),
        ("vercel:index/projectDomain:ProjectDomain", {"domain", "projectId"}, {"verified"}),
    ],
)
def test_a_type_is_what_its_sdk_declares(token: str, required: set[str], computed: set[str]) -> None:
    kind = schema.described(token)
    assert {one.name for one in kind.inputs.values() if one.required} == required
    assert computed <= kind.outputs


def test_kinds_come_from_the_type_hints() -> None:
    inputs = schema.described(INSTANCE).inputs
    text = Kind("string")
    assert inputs["engine"].kind == text
    assert inputs["port"].kind == Kind("number")
    assert inputs["multiAz"].kind == Kind("boolean")
    assert inputs["tags"].kind == Kind("map", text)
    assert inputs["vpcSecurityGroupIds"].kind == Kind("list", text)
    assert inputs["blueGreenUpdate"].kind.name == "object"


def test_a_type_that_the_sdk_does_not_know_is_named_with_one_like_it() -> None:
    with pytest.raises(UnknownType, match=r"no resource type aws:rds/instanc:Instanc; did you mean instance\?"):
        schema.described("aws:rds/instanc:Instanc")
    with pytest.raises(UnknownType, match="no resource type aws:nosuch/thing:Thing"):
        schema.described("aws:nosuch/thing:Thing")


def test_a_property_that_the_sdk_does_not_know_is_named_with_one_like_it() -> None:
    assert reasons(INSTANCE, instanceClass="db.t4g.micro", multiAZ=True) == {
        "multiAZ": "the SDK knows no such property; did you mean multiAz?"
    }


def test_nested_objects_are_looked_into() -> None:
    found = reasons(INSTANCE, instanceClass="db.t4g.micro", blueGreenUpdate={"enable": True})
    assert found == {"blueGreenUpdate.enable": "the SDK knows no such property; did you mean enabled?"}
    found = reasons("aws:lb/listener:Listener", loadBalancerArn="arn", defaultActions=[{"targetGroupArn": "arn"}])
    assert found == {"defaultActions[0].type": "is required and missing"}


def test_a_missing_required_property_is_named() -> None:
    assert reasons(INSTANCE, engine="postgres") == {"instanceClass": "is required and missing"}


@pytest.mark.parametrize(
    ("property", "value", "reason"),
    [
        ("engine", 17, "must be a string, not a number"),
        ("port", "5432", "must be a number, not a string"),
        ("multiAz", "true", "must be a boolean, not a string"),
        ("vpcSecurityGroupIds", "sg-1", "must be a list, not a string"),
        ("tags", ["a"], "must be a map, not a list"),
    ],
)
def test_a_value_of_another_kind_is_refused(property: str, value: object, reason: str) -> None:
    assert reasons(INSTANCE, instanceClass="db.t4g.micro", **{property: value}) == {property: reason}


def test_a_value_still_to_come_may_be_anything() -> None:
    assert not reasons(INSTANCE, instanceClass=UNKNOWN, port=UNKNOWN, tags=UNKNOWN)


def test_the_provider_itself_is_described() -> None:
    assert schema.provider("aws")["allowedAccountIds"].kind == Kind("list", Kind("string"))
