"""What resources are called: which property is the name, how Pulumi fills it, and what the clouds accept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rehearsal.schema import Mistake, Type
from rehearsal.values import UNKNOWN

# Where the name is not called `name`.
NAMED = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:s3/bucketObject:BucketObject": "key",
    "aws:s3/bucketObjectv2:BucketObjectv2": "key",
    "aws:rds/instance:Instance": "identifier",
    "aws:rds/cluster:Cluster": "clusterIdentifier",
    "aws:elasticache/replicationGroup:ReplicationGroup": "replicationGroupId",
    "aws:elasticache/cluster:Cluster": "clusterId",
    "aws:elasticache/user:User": "userId",
    "aws:elasticache/userGroup:UserGroup": "userGroupId",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "alarmName",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyName",
    "aws:cloudwatch/dashboard:Dashboard": "dashboardName",
}

# Their letters are small: https://github.com/pulumi/pulumi-aws/blob/master/provider/resources.go (AutoNameTransform).
SMALL = frozenset(
    {
        "aws:s3/bucket:Bucket",
        "aws:rds/instance:Instance",
        "aws:rds/cluster:Cluster",
        "aws:rds/parameterGroup:ParameterGroup",
        "aws:rds/subnetGroup:SubnetGroup",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:elasticache/cluster:Cluster",
        "aws:ecr/repository:Repository",
    }
)

ALIAS = "aws:kms/alias:Alias"

_LETTERS = r"[A-Za-z0-9]"
_HYPHENATED = rf"{_LETTERS}(-?{_LETTERS})*"
_LOAD_BALANCED = rf"(?!internal-){_LETTERS}([A-Za-z0-9-]*{_LETTERS})?"
_IAM = r"[\w+=,.@-]+"


@dataclass(frozen=True)
class Rule:
    """What a service accepts as a name: so many characters, of this pattern."""

    longest: int
    pattern: str = r".+"


# From the services' own API references (the `Name` of each Create call), such as
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html.
RULES: Mapping[str, Rule] = {
    "aws:lb/loadBalancer:LoadBalancer": Rule(32, _LOAD_BALANCED),
    "aws:lb/targetGroup:TargetGroup": Rule(32, rf"{_LETTERS}([A-Za-z0-9-]*{_LETTERS})?"),
    "aws:iam/role:Role": Rule(64, _IAM),
    "aws:iam/policy:Policy": Rule(128, _IAM),
    "aws:iam/rolePolicy:RolePolicy": Rule(128, _IAM),
    "aws:s3/bucket:Bucket": Rule(63, r"[a-z0-9][a-z0-9.-]+[a-z0-9]"),
    "aws:rds/instance:Instance": Rule(63, r"[a-z](-?[a-z0-9])*"),
    "aws:rds/parameterGroup:ParameterGroup": Rule(255, r"[a-z](-?[a-z0-9.])*"),
    "aws:rds/subnetGroup:SubnetGroup": Rule(255, r"[a-z0-9 ._-]+"),
    "aws:elasticache/replicationGroup:ReplicationGroup": Rule(40, r"[A-Za-z](-?[A-Za-z0-9])*"),
    "aws:elasticache/parameterGroup:ParameterGroup": Rule(255, _HYPHENATED),
    "aws:elasticache/subnetGroup:SubnetGroup": Rule(255, _HYPHENATED),
    "aws:ec2/securityGroup:SecurityGroup": Rule(255, r"(?!sg-)[\w .:/()#,@\[\]+=&;{}!$*-]+"),
    "aws:ecs/cluster:Cluster": Rule(255, r"[\w-]+"),
    "aws:ecs/service:Service": Rule(255, r"[\w-]+"),
    "aws:ecr/repository:Repository": Rule(256, r"[a-z0-9]+([._/-][a-z0-9]+)*"),
    "aws:secretsmanager/secret:Secret": Rule(512, r"[\w/+=.@-]+"),
    "aws:kms/alias:Alias": Rule(256, r"alias/(?!aws/)[\w/-]+"),
    "aws:cloudwatch/logGroup:LogGroup": Rule(512, r"[\w./#-]+"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Rule(255),
    "aws:cloudwatch/eventRule:EventRule": Rule(64, r"[\w.-]+"),
    "aws:sns/topic:Topic": Rule(256, r"[\w-]+(\.fifo)?"),
    "aws:sqs/queue:Queue": Rule(80, r"[\w-]+(\.fifo)?"),
    "aws:scheduler/schedule:Schedule": Rule(64, r"[\w.-]+"),
    "aws:scheduler/scheduleGroup:ScheduleGroup": Rule(64, r"[\w.-]+"),
    "aws:budgets/budget:Budget": Rule(100, r"[^:\\]+"),
    "aws:cloudtrail/trail:Trail": Rule(128, rf"{_LETTERS}([._-]?{_LETTERS})+"),
    "vercel:index/project:Project": Rule(100, r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?"),
}


@dataclass(frozen=True)
class Proposal:
    """What the engine would call it, and how much it insists."""

    name: str
    mode: Literal["propose", "enforce", "disable"] = "propose"


def property_of(kind: Type) -> str | None:
    """The property that holds the name, if the type has one."""
    return NAMED.get(kind.token) or ("name" if "name" in kind.inputs else None)


def named(kind: Type, news: Mapping[str, Any], olds: Mapping[str, Any], proposal: Proposal) -> dict[str, Any]:
    """The inputs with a name, if Pulumi names such resources and nobody else did.

    `__defaults` lists what was filled in, as the real providers note it: such a name stays while the resource lives.
    """
    name = property_of(kind)
    if name is None or not _is_filled(kind, news, name) or proposal.mode == "disable":
        return {**news, "__defaults": []}
    kept = olds.get(name) if name in olds.get("__defaults", []) else None
    return {**news, name: kept or _adapted(kind, proposal), "__defaults": [name]}


def _is_filled(kind: Type, news: Mapping[str, Any], name: str) -> bool:
    return news.get(name) is None and news.get(f"{name}Prefix") is None and not kind.inputs[name].required


def _adapted(kind: Type, proposal: Proposal) -> str:
    if proposal.mode == "enforce":
        return proposal.name
    name = proposal.name.lower() if kind.token in SMALL else proposal.name
    return f"alias/{name}" if kind.token == ALIAS and not name.startswith("alias/") else name


def mistake(kind: Type, inputs: Mapping[str, Any]) -> Mistake | None:
    """What the service would say against the name."""
    name, rule = property_of(kind), RULES.get(kind.token)
    value = inputs.get(name) if name else None
    if name is None or rule is None or not isinstance(value, str) or value == UNKNOWN:
        return None
    if len(value) > rule.longest:
        return Mistake(name, f"cannot be longer than {rule.longest} characters, and {value} has {len(value)}")
    if not re.fullmatch(rule.pattern, value):
        return Mistake(name, f"invalid name {value}: it must match {rule.pattern}")
    return None


def collides(kind: Type, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether a successor beside its predecessor would bear its name, one that somebody else than Pulumi chose."""
    name = property_of(kind)
    if name is None or kind.inputs[name].required or name in news.get("__defaults", []):
        return False
    return news.get(name) is not None and news.get(name) == olds.get(name)
