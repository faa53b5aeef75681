"""What may exist only once: names, addresses, records."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal import names
from rehearsal.cloud import Cloud, Record
from rehearsal.refusals import Refused
from rehearsal.schema import Type

BUCKET = "aws:s3/bucket:Bucket"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type
RULES = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)

# The calls that make these put what they are given in the place of what was there.
PUT = frozenset(
    {
        "aws:appautoscaling/policy:Policy",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:cloudwatch/eventRule:EventRule",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:s3/bucketObject:BucketObject",
        "aws:s3/bucketObjectv2:BucketObjectv2",
        "aws:sns/topic:Topic",
    }
)
# They are made with their VPC; declaring one only takes it over.
ADOPTED = ("aws:ec2/default",)

TAKEN = {
    BUCKET: "BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own"
    " it: {}",
    SECRET: "ResourceExistsException: The operation failed because the secret {} already exists.",
    "aws:rds/instance:Instance": "DBInstanceAlreadyExists: DB instance already exists: {}",
    "aws:elasticache/replicationGroup:ReplicationGroup": "ReplicationGroupAlreadyExists: Replication group already"
    " exists: {}",
    "aws:lb/loadBalancer:LoadBalancer": "DuplicateLoadBalancerName: A load balancer with the name '{}' exists, but with"
    " different settings",
    "aws:lb/targetGroup:TargetGroup": "DuplicateTargetGroupName: A target group with the same name '{}' exists",
    "aws:ec2/securityGroup:SecurityGroup": "InvalidGroup.Duplicate: The security group '{}' already exists",
    "aws:iam/role:Role": "EntityAlreadyExists: Role with name {} already exists.",
    "aws:iam/policy:Policy": "EntityAlreadyExists: A policy called {} already exists.",
    "aws:kms/alias:Alias": "AlreadyExistsException: An alias with the name {} already exists",
    "aws:ecr/repository:Repository": "RepositoryAlreadyExistsException: The repository with name '{}' already exists",
    "aws:cloudwatch/logGroup:LogGroup": "ResourceAlreadyExistsException: The specified log group already exists: {}",
    "vercel:index/project:Project": "conflict: A project with the name {} already exists, please use a new name.",
}


def check(cloud: Cloud, kind: Type, new: Record) -> None:
    """Raises Refused when there is one already that `new` would have to be."""
    if kind.token in PUT or kind.token.startswith(ADOPTED):
        return
    others = cloud.list(kind.token)
    match kind.token:
        case "aws:ec2/subnet:Subnet":
            _check_addresses(others, new)
        case "cloudflare:index/dnsRecord:DnsRecord":
            _check_dns(others, new)
        case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
            _check_rule(others, new)
        case "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":
            _check_rule(others, new)
        case _:
            _check_name(cloud, kind, others, new)


def _check_name(cloud: Cloud, kind: Type, others: list[Record], new: Record) -> None:
    name = names.property_of(kind)
    value = new.outputs.get(name) if name else None
    if value is None or name is None:
        return
    if any(value == one.outputs.get(name) for one in others if _same_place(one, new)):
        text = TAKEN.get(kind.token, "AlreadyExists: {} exists already")
        raise Refused(text.format(value))
    if kind.token == SECRET and any(value == one.outputs["name"] for one in cloud.buried(SECRET, new.region).values()):
        raise Refused(
            "InvalidRequestException: You can't create this secret because a secret with this name is already"
            f" scheduled for deletion: {value}"
        )


def _same_place(one: Record, new: Record) -> bool:
    """Names of buckets are the whole world's; a security group's name is its VPC's, a service's its cluster's."""
    if new.type == BUCKET:
        return True
    scopes = ("vpcId", "cluster", "groupName", "eventBusName", "zoneId", "accountId", "projectId")
    return one.region == new.region and all(one.outputs.get(scope) == new.outputs.get(scope) for scope in scopes)


def _check_addresses(others: list[Record], new: Record) -> None:
    wanted = new.outputs.get("cidrBlock")
    beside = [one.outputs.get("cidrBlock") for one in others if one.outputs["vpcId"] == new.outputs["vpcId"]]
    if wanted and any(ipaddress.ip_network(wanted).overlaps(ipaddress.ip_network(other)) for other in beside if other):
        raise Refused(f"InvalidSubnet.Conflict: The CIDR '{wanted}' conflicts with another subnet")


def _check_dns(others: list[Record], new: Record) -> None:
    """https://developers.cloudflare.com/dns/manage-dns-records/reference/dns-record-types/ (a CNAME stands alone)."""
    for one in others:
        if any(one.outputs.get(part) != new.outputs.get(part) for part in ("zoneId", "name")):
            continue
        types = {one.outputs["type"], new.outputs["type"]}
        if len(types) == 1 and one.outputs.get("content") == new.outputs.get("content"):
            raise Refused(f"400 Bad Request: 81058 An identical record already exists: {new.outputs['name']}")
        if "CNAME" in types and types <= {"CNAME", "A", "AAAA"}:
            raise Refused(
                "400 Bad Request: 81053 An A, AAAA, or CNAME record with that host already exists:"
                f" {new.outputs['name']}"
            )


def _check_rule(others: list[Record], new: Record) -> None:
    wanted = dict(_rule(new.inputs))
    if any(dict(_rule(one.inputs)) == wanted for one in others):
        raise Refused(
            f"InvalidPermission.Duplicate: the specified rule already exists in {new.inputs.get('securityGroupId')}"
        )


def _rule(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in inputs.items() if name not in ("description", "tags", "__defaults"))
