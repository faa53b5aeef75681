"""What the rehearsed clouds refuse, as the real ones do."""

from pathlib import Path
from typing import Any

import pytest

from rehearsal import certificates, images, protection, references, schema, uniqueness
from rehearsal.cloud import Cloud, Record
from rehearsal.computed import Place
from rehearsal.refusals import Refused

REGION = "eu-central-1"
PLACE = Place("123456789012", REGION)
VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "aws:rds/instance:Instance"
SECRET = "aws:secretsmanager/secret:Secret"
BUCKET = "aws:s3/bucket:Bucket"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
LISTENER = "aws:lb/listener:Listener"
DNS = "cloudflare:index/dnsRecord:DnsRecord"
REPOSITORY = "aws:ecr/repository:Repository"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "cloud.db")


def record(token: str, id: str, **outputs: Any) -> Record:
    region = "" if token.startswith(("cloudflare:", "vercel:")) else REGION
    return Record(token, id, region, inputs=outputs, outputs=outputs)


def delete(cloud: Cloud, one: Record, **state: Any) -> None:
    protection.check(cloud, one, state, PLACE)
    references.check_unused(cloud, one)
    protection.remove(cloud, one, state)


def make(cloud: Cloud, one: Record) -> Record:
    references.check(cloud, one.type, one.inputs)
    uniqueness.check(cloud, schema.described(one.type), one)
    return cloud.create(one)


# References


def test_a_subnet_needs_its_vpc(cloud: Cloud) -> None:
    with pytest.raises(Refused, match=r"InvalidVpcID\.NotFound: The vpc ID 'vpc-1' does not exist"):
        make(cloud, record(SUBNET, "subnet-1", vpcId="vpc-1"))


def test_references_inside_of_lists_are_followed(cloud: Cloud) -> None:
    cloud.create(record("aws:lb/loadBalancer:LoadBalancer", "lb-1", arn="lb-1"))
    actions = [{"type": "forward", "targetGroupArn": "tg-1"}]
    with pytest.raises(Refused, match="TargetGroupNotFound"):
        references.check(cloud, LISTENER, {"loadBalancerArn": "lb-1", "defaultActions": actions})


def test_what_aws_brings_is_there(cloud: Cloud) -> None:
    references.check(cloud, INSTANCE, {"parameterGroupName": "default.postgres17"})


@pytest.mark.parametrize("holder", [SUBNET, GROUP, "aws:ec2/vpcEndpoint:VpcEndpoint"])
def test_a_vpc_in_use_is_not_deleted(cloud: Cloud, holder: str) -> None:
    vpc = cloud.create(record(VPC, "vpc-1"))
    held = cloud.create(record(holder, "holder-1", vpcId="vpc-1"))
    with pytest.raises(Refused, match=r"DependencyViolation: The vpc 'vpc-1' has dependencies .*holder-1"):
        delete(cloud, vpc)
    cloud.delete(held)
    delete(cloud, vpc)
    assert cloud.list() == []


def test_a_security_group_goes_with_its_own_rules_but_not_while_others_name_it(cloud: Cloud) -> None:
    group = cloud.create(record(GROUP, "sg-1", vpcId="vpc-1"))
    cloud.create(record(INGRESS, "sgr-1", securityGroupId="sg-1"))
    other = cloud.create(record(INGRESS, "sgr-2", securityGroupId="sg-2", referencedSecurityGroupId="sg-1"))
    with pytest.raises(Refused, match="DependencyViolation: resource sg-1 has a dependent object"):
        delete(cloud, group)
    cloud.delete(other)
    delete(cloud, group)


@pytest.mark.parametrize("reference", references.REFERENCES, ids=lambda one: f"{one.holder} {one.property}")
def test_every_reference_is_one_that_the_sdk_has(reference: references.Reference) -> None:
    known = schema.described(reference.holder).inputs
    for part in reference.property.split("."):
        kind = known[part.removesuffix("[]")].kind
        args = (kind.element or kind).args if part.endswith("[]") else kind.args
        known = schema.properties(args) if args else {}
    assert reference.target in references.ABSENT
    assert reference.target in references.IN_USE or not reference.holds


# Uniqueness


@pytest.mark.parametrize(
    ("token", "property", "code"),
    [
        (INSTANCE, "identifier", "DBInstanceAlreadyExists"),
        (BUCKET, "bucket", "BucketAlreadyOwnedByYou"),
        ("aws:iam/role:Role", "name", "EntityAlreadyExists"),
        (SECRET, "name", "ResourceExistsException"),
        ("vercel:index/project:Project", "name", "conflict"),
    ],
)
def test_a_name_that_is_taken_is_refused(cloud: Cloud, token: str, property: str, code: str) -> None:
    make(cloud, record(token, "1", **{property: "ours"}))
    with pytest.raises(Refused, match=f"{code}.*ours"):
        make(cloud, record(token, "2", **{property: "ours"}))
    make(cloud, record(token, "3", **{property: "others"}))


def test_a_name_may_be_taken_in_another_region_unless_it_is_a_buckets(cloud: Cloud) -> None:
    for token, property in ((INSTANCE, "identifier"), (BUCKET, "bucket")):
        cloud.create(Record(token, "1", "eu-west-1", outputs={property: "ours"}))
    make(cloud, record(INSTANCE, "2", identifier="ours"))
    with pytest.raises(Refused, match="BucketAlreadyOwnedByYou"):
        make(cloud, record(BUCKET, "2", bucket="ours"))


def test_subnets_of_one_vpc_do_not_overlap(cloud: Cloud) -> None:
    cloud.create(record(VPC, "vpc-1"))
    cloud.create(record(VPC, "vpc-2"))
    make(cloud, record(SUBNET, "subnet-1", vpcId="vpc-1", cidrBlock="10.0.0.0/20"))
    with pytest.raises(Refused, match=r"InvalidSubnet\.Conflict"):
        make(cloud, record(SUBNET, "subnet-2", vpcId="vpc-1", cidrBlock="10.0.1.0/24"))
    make(cloud, record(SUBNET, "subnet-3", vpcId="vpc-2", cidrBlock="10.0.1.0/24"))


def test_one_rule_is_not_made_twice(cloud: Cloud) -> None:
    cloud.create(record(GROUP, "sg-1"))
    make(cloud, record(INGRESS, "sgr-1", securityGroupId="sg-1", fromPort=443))
    with pytest.raises(Refused, match=r"InvalidPermission\.Duplicate"):
        make(cloud, record(INGRESS, "sgr-2", securityGroupId="sg-1", fromPort=443, description="again"))


def test_a_dns_record_stands_once_and_a_cname_alone(cloud: Cloud) -> None:
    first = {"zoneId": "z", "name": "api.x.com", "type": "A", "content": "1.2.3.4"}
    make(cloud, record(DNS, "1", **first))
    with pytest.raises(Refused, match="81058"):
        make(cloud, record(DNS, "2", **first))
    with pytest.raises(Refused, match="81053"):
        make(cloud, record(DNS, "3", **{**first, "type": "CNAME", "content": "x.com"}))
    make(cloud, record(DNS, "4", **{**first, "content": "1.2.3.5"}))


# Protection


@pytest.mark.parametrize(
    ("token", "property", "code"),
    [
        (INSTANCE, "deletionProtection", "InvalidParameterCombination: Cannot delete protected DB Instance"),
        (BALANCER, "enableDeletionProtection", "OperationNotPermitted"),
    ],
)
def test_deletion_protection_is_honoured(cloud: Cloud, token: str, property: str, code: str) -> None:
    protected = cloud.create(record(token, "1", **{property: True}))
    with pytest.raises(Refused, match=code):
        delete(cloud, protected, skipFinalSnapshot=True)
    # What counts is what the cloud says, not what the stack believes.
    delete(cloud, cloud.change(protected, **{property: False}), skipFinalSnapshot=True, **{property: True})


def test_a_database_leaves_its_final_snapshot_whose_name_must_be_free(cloud: Cloud) -> None:
    database = cloud.create(record(INSTANCE, "db-1", identifier="database"))
    with pytest.raises(Refused, match="final_snapshot_identifier is required"):
        delete(cloud, database)
    delete(cloud, database, finalSnapshotIdentifier="last")
    assert [one.id for one in cloud.list()] == ["last"]
    cloud.create(database)
    with pytest.raises(Refused, match=r"DBSnapshotAlreadyExists.*last"):
        delete(cloud, database, finalSnapshotIdentifier="last")


def test_a_bucket_with_objects_stays_unless_told_otherwise(cloud: Cloud) -> None:
    bucket = cloud.create(record(BUCKET, "b", bucket="b"))
    cloud.create(record("aws:s3/bucketObjectv2:BucketObjectv2", "b/dump", bucket="b", key="dump"))
    with pytest.raises(Refused, match="BucketNotEmpty"):
        delete(cloud, bucket)
    delete(cloud, bucket, forceDestroy=True)
    assert cloud.list() == []


def test_a_repository_with_images_stays(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = cloud.create(record(REPOSITORY, "api", name="api"))
    monkeypatch.setattr(images, "tags", lambda _registry, _repository: ["v1"])  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(Refused, match="RepositoryNotEmptyException"):
        delete(cloud, repository)
    delete(cloud, repository, forceDelete=True)


def test_a_deleted_secrets_name_stays_taken_for_its_recovery_window(cloud: Cloud) -> None:
    delete(cloud, make(cloud, record(SECRET, "arn-1", name="jwt")), recoveryWindowInDays=7)
    assert cloud.list() == []
    with pytest.raises(Refused, match="already scheduled for deletion: jwt"):
        make(cloud, record(SECRET, "arn-2", name="jwt"))


def test_a_secret_without_a_recovery_window_is_gone_at_once(cloud: Cloud) -> None:
    delete(cloud, make(cloud, record(SECRET, "arn-1", name="jwt")), recoveryWindowInDays=0)
    make(cloud, record(SECRET, "arn-2", name="jwt"))


def test_a_key_waits_for_its_deletion(cloud: Cloud) -> None:
    delete(cloud, cloud.create(record("aws:kms/key:Key", "mrk-1")))
    assert cloud.list() == []
    assert list(cloud.buried("aws:kms/key:Key", REGION)) == ["pending deletion mrk-1"]


# Certificates


def test_a_certificate_is_issued_once_its_records_are_in_dns(cloud: Cloud) -> None:
    option = {"domainName": "x.com", "resourceRecordName": "_1.x.com.", "resourceRecordValue": "_2.acm."}
    outputs = {"arn": "arn", "status": "PENDING_VALIDATION", "domainValidationOptions": [option]}
    cloud.create(record(CERTIFICATE, "arn", **outputs))
    with pytest.raises(Refused, match="UnsupportedCertificate"):
        certificates.check(cloud, LISTENER, {"certificateArn": "arn"})
    with pytest.raises(Refused, match=r"DNS has no record _1\.x\.com for x\.com"):
        certificates.check(cloud, VALIDATION, {"certificateArn": "arn"})
    cloud.create(record(DNS, "1", name="_1.x.com", type="CNAME", content="_2.acm"))
    certificates.check(cloud, VALIDATION, {"certificateArn": "arn"})
    certificates.check(cloud, LISTENER, {"certificateArn": "arn"})
