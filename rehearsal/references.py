"""What refers to what: a reference must lead somewhere, and what is in use is not deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.cloud import Cloud, Record
from rehearsal.refusals import Refused
from rehearsal.values import UNKNOWN

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
GATEWAY = "aws:ec2/natGateway:NatGateway"
ADDRESS = "aws:ec2/eip:Eip"
TABLE = "aws:ec2/routeTable:RouteTable"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"
CERTIFICATE = "aws:acm/certificate:Certificate"
INSTANCE = "aws:rds/instance:Instance"
BACKUPS_COPY = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
INSTANCE_SUBNETS = "aws:rds/subnetGroup:SubnetGroup"
INSTANCE_PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
CACHE_SUBNETS = "aws:elasticache/subnetGroup:SubnetGroup"
CACHE_PARAMETERS = "aws:elasticache/parameterGroup:ParameterGroup"
CLUSTER = "aws:ecs/cluster:Cluster"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"  # noqa: S105 - a type
PROJECT = "vercel:index/project:Project"
BUCKET = "aws:s3/bucket:Bucket"
TOPIC = "aws:sns/topic:Topic"

# What the services answer when the thing that is named is not there, `{}` being what was named.
ABSENT = {
    VPC: "InvalidVpcID.NotFound: The vpc ID '{}' does not exist",
    SUBNET: "InvalidSubnetID.NotFound: The subnet ID '{}' does not exist",
    GROUP: "InvalidGroup.NotFound: The security group '{}' does not exist",
    TABLE: "InvalidRouteTableID.NotFound: The routeTable ID '{}' does not exist",
    ADDRESS: "InvalidAllocationID.NotFound: The allocation ID '{}' does not exist",
    BALANCER: "LoadBalancerNotFound: Load balancer '{}' not found",
    TARGETS: "TargetGroupNotFound: Target groups '{}' not found",
    LISTENER: "ListenerNotFound: Listener '{}' not found",
    CERTIFICATE: "CertificateNotFound: Certificate '{}' not found",
    INSTANCE: "DBInstanceNotFound: DBInstance {} not found.",
    INSTANCE_SUBNETS: "DBSubnetGroupNotFoundFault: DB subnet group '{}' does not exist.",
    INSTANCE_PARAMETERS: "DBParameterGroupNotFound: DBParameterGroup not found: {}",
    CACHE_SUBNETS: "CacheSubnetGroupNotFoundFault: Cache Subnet Group {} does not exist.",
    CACHE_PARAMETERS: "CacheParameterGroupNotFound: CacheParameterGroup {} not found.",
    CLUSTER: "ClusterNotFoundException: Cluster not found: {}",
    TASK: "ClientException: Unable to describe task definition {}.",
    ROLE: "NoSuchEntity: The role with name {} cannot be found.",
    POLICY: "NoSuchEntity: Policy {} does not exist or is not attachable.",
    SECRET: "ResourceNotFoundException: Secrets Manager can't find the specified secret: {}",
    BUCKET: "NoSuchBucket: The specified bucket does not exist: {}",
    TOPIC: "NotFound: Topic does not exist: {}",
    PROJECT: "not_found: Could not find project {}, please make sure both the project_id and team_id match",
}

# What they answer to deleting what is in use.
IN_USE = {
    VPC: "DependencyViolation: The vpc '{}' has dependencies and cannot be deleted.",
    SUBNET: "DependencyViolation: The subnet '{}' has dependencies and cannot be deleted.",
    GROUP: "DependencyViolation: resource {} has a dependent object",
    TABLE: "DependencyViolation: The routeTable '{}' has dependencies and cannot be deleted.",
    ADDRESS: "AuthFailure: You do not have permission to access the specified resource: {} is in use",
    TARGETS: "ResourceInUse: Target group '{}' is currently in use by a listener or a rule",
    CERTIFICATE: "ResourceInUseException: Certificate {} is in use.",
    INSTANCE_SUBNETS: "InvalidDBSubnetGroupStateFault: Cannot delete the subnet group '{}' because at least one"
    " database instance is still using it.",
    INSTANCE_PARAMETERS: "InvalidDBParameterGroupState: One or more database instances are still members of this"
    " parameter group {}, so the group cannot be deleted",
    CACHE_SUBNETS: "CacheSubnetGroupInUse: Cache subnet group {} is currently in use by a cache cluster.",
    CACHE_PARAMETERS: "InvalidCacheParameterGroupState: The cache parameter group {} is still used by a cache cluster.",
    CLUSTER: "ClusterContainsServicesException: The Cluster {} cannot be deleted while Services are active.",
    ROLE: "DeleteConflict: Cannot delete entity {}, must detach all policies first.",
    POLICY: "DeleteConflict: Cannot delete a policy attached to entities: {}",
}


@dataclass(frozen=True)
class Reference:
    """A property of one type that names a thing of another. `holds`: that thing cannot be deleted meanwhile."""

    holder: str
    property: str
    target: str
    holds: bool = True


# `a[].b` is the `b` of each in the list `a`.
REFERENCES = (
    Reference(SUBNET, "vpcId", VPC),
    Reference(GROUP, "vpcId", VPC),
    Reference(TABLE, "vpcId", VPC),
    Reference(ENDPOINT, "vpcId", VPC),
    Reference("aws:ec2/internetGateway:InternetGateway", "vpcId", VPC),
    Reference("aws:ec2/flowLog:FlowLog", "vpcId", VPC, holds=False),
    Reference("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "vpcId", VPC, holds=False),
    Reference(TARGETS, "vpcId", VPC, holds=False),
    Reference(GATEWAY, "subnetId", SUBNET),
    Reference(GATEWAY, "allocationId", ADDRESS),
    Reference(ENDPOINT, "subnetIds", SUBNET),
    Reference(ENDPOINT, "securityGroupIds", GROUP),
    Reference(BALANCER, "subnets", SUBNET),
    Reference(BALANCER, "securityGroups", GROUP),
    Reference(SERVICE, "networkConfiguration.subnets", SUBNET),
    Reference(SERVICE, "networkConfiguration.securityGroups", GROUP),
    Reference(INSTANCE_SUBNETS, "subnetIds", SUBNET),
    Reference(CACHE_SUBNETS, "subnetIds", SUBNET),
    Reference(INSTANCE, "vpcSecurityGroupIds", GROUP),
    Reference(CACHE, "securityGroupIds", GROUP),
    Reference(INGRESS, "securityGroupId", GROUP, holds=False),
    Reference(EGRESS, "securityGroupId", GROUP, holds=False),
    Reference(INGRESS, "referencedSecurityGroupId", GROUP),
    Reference(EGRESS, "referencedSecurityGroupId", GROUP),
    Reference("aws:ec2/route:Route", "routeTableId", TABLE, holds=False),
    Reference("aws:ec2/routeTableAssociation:RouteTableAssociation", "routeTableId", TABLE),
    Reference("aws:ec2/routeTableAssociation:RouteTableAssociation", "subnetId", SUBNET, holds=False),
    Reference(LISTENER, "loadBalancerArn", BALANCER, holds=False),
    Reference(LISTENER, "certificateArn", CERTIFICATE),
    Reference(LISTENER, "defaultActions[].targetGroupArn", TARGETS),
    Reference(RULE, "listenerArn", LISTENER, holds=False),
    Reference(RULE, "actions[].targetGroupArn", TARGETS),
    Reference(SERVICE, "loadBalancers[].targetGroupArn", TARGETS, holds=False),
    Reference(SERVICE, "cluster", CLUSTER),
    Reference(SERVICE, "taskDefinition", TASK, holds=False),
    Reference(INSTANCE, "dbSubnetGroupName", INSTANCE_SUBNETS),
    Reference(INSTANCE, "parameterGroupName", INSTANCE_PARAMETERS),
    Reference(BACKUPS_COPY, "sourceDbInstanceArn", INSTANCE, holds=False),
    Reference(CACHE, "subnetGroupName", CACHE_SUBNETS),
    Reference(CACHE, "parameterGroupName", CACHE_PARAMETERS),
    Reference(ATTACHMENT, "role", ROLE),
    Reference(ROLE_POLICY, "role", ROLE),
    Reference(ATTACHMENT, "policyArn", POLICY),
    Reference(SECRET_VERSION, "secretId", SECRET, holds=False),
    Reference("aws:s3/bucketVersioning:BucketVersioning", "bucket", BUCKET, holds=False),
    Reference("aws:s3/bucketPolicy:BucketPolicy", "bucket", BUCKET, holds=False),
    Reference("aws:sns/topicSubscription:TopicSubscription", "topic", TOPIC, holds=False),
    Reference("vercel:index/projectDomain:ProjectDomain", "projectId", PROJECT, holds=False),
    Reference("vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable", "projectId", PROJECT, holds=False),
)

# Groups of parameters and policies that AWS brings are there without anybody's making.
AWS_OWN = ("default.", "default:", "arn:aws:iam::aws:")


def check(cloud: Cloud, token: str, inputs: Mapping[str, Any]) -> None:
    """Raises Refused when something that the inputs name is not there."""
    for reference in REFERENCES:
        if reference.holder != token:
            continue
        wanted = [value for value in _values(inputs, reference.property) if value != UNKNOWN]
        there = _identities(cloud.list(reference.target)) if wanted else frozenset[str]()
        for value in wanted:
            if value not in there and not value.startswith(AWS_OWN):
                raise Refused(ABSENT[reference.target].format(value))


def check_unused(cloud: Cloud, record: Record) -> None:
    """Raises Refused when something in the cloud still needs that record."""
    own = _identities([record])
    for reference in REFERENCES:
        if reference.target != record.type or not reference.holds:
            continue
        for holder in cloud.list(reference.holder):
            if own.intersection(_values(holder.outputs, reference.property)):
                raise Refused(f"{IN_USE[record.type].format(record.id)} ({reference.holder} {holder.id})")


def _identities(records: list[Record]) -> frozenset[str]:
    """By what each may be named: its id, its ARN, its name."""
    names = ("arn", "name", "family", "bucket")
    return frozenset(
        value for one in records for value in (one.id, *(one.outputs.get(name) for name in names)) if value
    )


def _values(properties: Mapping[str, Any], path: str) -> list[str]:
    values: list[Any] = [properties]
    for part in path.split("."):
        values = [value.get(part.removesuffix("[]")) for value in values if isinstance(value, dict)]
        values = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [value for value in values if isinstance(value, str)]
