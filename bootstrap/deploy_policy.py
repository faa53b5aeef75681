"""What the role that deploys one environment may do: plain functions of the account and the environment.

Three things keep the environments apart. Names: engine-named resources begin with `nuggetwise-<environment>-`, and
policies say so. Tags: what has no name of ours (networks, keys, certificates) carries `stack: <environment>` from its
first moment, and can be touched only by who deploys that stack. A boundary: a role that a deployment makes can do no
more than `boundary` allows, so that making roles is no way to more rights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.policy import Statement, allow
from infra.role.boundary import policy_arn

# Buckets whose names are settings of the stacks; the others follow the engine's pattern.
BACKUPS: Mapping[str, tuple[str, ...]] = {
    "production": ("nuggetwise-backups", "nuggetwise-backups-copy"),
    "staging": ("nuggetwise-backups-staging", "nuggetwise-backups-staging-copy"),
}

# Statements on every resource, and why each cannot be narrower. IAM's own list of what each action knows:
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
WILDCARDS: Mapping[str, str] = {
    "Describe": "describing and listing actions know no resources",
    "OtherRegions": "a denial, of everything outside the three regions",
    "NewTagged": "the new resource has no id yet; its tag is the condition",
    "OwnTagged": "ids are AWS's; the tag of the stack is the condition",
    "Tagging": "ids are AWS's; only what is ours or nobody's yet gets our tag",
    "TaskRevisions": "DeregisterTaskDefinition knows no resources",
    "Scaling": "targets have ids of AWS's making; the condition leaves services of ECS only",
    "NewKey": "the new key has no id yet; its tag is the condition",
    "RegistryLogin": "GetAuthorizationToken knows no resources",
    "Metrics": "PutMetricData knows no resources; the namespace is the condition",
    "NewHealthCheck": "the new resource has no id yet, and no tag can be a condition",
    "Unsubscribe": "Unsubscribe knows no resources",
}

SERVICE_ROLES = ("ecs", "elasticache", "elasticloadbalancing", "rds", "ecs.application-autoscaling", "mrk.kms")
PASSED_TO = ("apigateway", "ecs-tasks", "monitoring.rds", "s3", "scheduler", "vpc-flow-logs")

# What cannot be taken back in a bucket with versions and Object Lock.
IRREVOCABLE = ("s3:BypassGovernanceRetention", "s3:DeleteBucket", "s3:DeleteObjectVersion")

# What tasks and S3's own copying do with objects.
OBJECTS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetBucket*",
    "s3:GetObject*",
    "s3:GetReplicationConfiguration",
    "s3:List*",
    "s3:PutObject",
    "s3:PutObjectRetention",
    "s3:PutObjectTagging",
    "s3:Replicate*",
)

PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
PUSH = ("ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")


@dataclass(frozen=True)
class Scope:
    """Whose deployment: the account, the environment, the region and the one that copies go to."""

    account: str
    environment: str
    region: str
    copy_region: str

    @property
    def prefix(self) -> str:
        return f"nuggetwise-{self.environment}-"

    def arn(self, service: str, resource: str) -> str:
        """Of a regional resource. The region is any, since OtherRegions leaves but three."""
        return f"arn:aws:{service}:*:{self.account}:{resource}"

    @property
    def regions(self) -> list[str]:
        """What is global answers from us-east-1, and so do the metrics of Route 53's health checks."""
        return sorted({self.region, self.copy_region, "us-east-1"})

    @property
    def keys(self) -> list[str]:
        """Every key of the three regions, since ids are AWS's. Their tag has to be a condition."""
        return [f"arn:aws:kms:{region}:{self.account}:key/*" for region in self.regions]

    def role(self, name: str) -> str:
        return f"arn:aws:iam::{self.account}:role/{name}"

    @property
    def backups(self) -> list[str]:
        return [f"arn:aws:s3:::{name}" for name in BACKUPS[self.environment]]

    @property
    def buckets(self) -> list[str]:
        return [f"arn:aws:s3:::{self.prefix}*", *self.backups]


def _with_objects(buckets: Sequence[str]) -> list[str]:
    return [*buckets, *(f"{bucket}/*" for bucket in buckets)]


def statements(scope: Scope) -> dict[str, list[Statement]]:
    """The role's permissions in parts, each small enough for a managed policy."""
    return {
        "network": [*_looking(), _only_regions(scope), *_network(scope)],
        "compute": [*_compute(scope), *_images(scope)],
        "data": [*_data(scope), *_keys(scope)],
        "watch": _watch(scope),
        "roles": _roles(scope),
    }


def _looking() -> list[Statement]:
    actions = [
        "acm:List*",
        "application-autoscaling:Describe*",
        "application-autoscaling:ListTagsForResource",
        "cloudwatch:Describe*",
        "ec2:Describe*",
        "ec2:GetManagedPrefixList*",
        "ec2:GetSecurityGroupsForVpc",
        "ecs:Describe*",
        "ecs:List*",
        "elasticache:Describe*",
        "elasticloadbalancing:Describe*",
        "kms:ListAliases",
        "kms:ListKeys",
        "logs:Describe*",
        "rds:Describe*",
        "route53:GetHealthCheck*",
        "route53:ListHealthChecks",
        "s3:ListAllMyBuckets",
        "secretsmanager:ListSecrets",
        "sns:GetSubscriptionAttributes",
        "sns:ListTopics",
        "sts:GetCallerIdentity",
    ]
    return [allow("Describe", actions, "*")]


def _only_regions(scope: Scope) -> Statement:
    return {
        "Sid": "OtherRegions",
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": scope.regions}},
    }


def _tagged(scope: Scope) -> dict[str, Any]:
    return {"StringEquals": {"aws:ResourceTag/stack": scope.environment}}


def _being_tagged(scope: Scope) -> dict[str, Any]:
    """A request that gives our tag, to a resource that is ours already or nobody's yet."""
    return {
        "StringEquals": {"aws:RequestTag/stack": scope.environment},
        "StringEqualsIfExists": {"aws:ResourceTag/stack": scope.environment},
    }


def _network(scope: Scope) -> list[Statement]:
    created = [
        "acm:RequestCertificate",
        "ec2:AllocateAddress",
        "ec2:AuthorizeSecurityGroup*",
        "ec2:CreateFlowLogs",
        "ec2:CreateInternetGateway",
        "ec2:CreateManagedPrefixList",
        "ec2:CreateNatGateway",
        "ec2:CreateNetworkAcl",
        "ec2:CreateRouteTable",
        "ec2:CreateSecurityGroup",
        "ec2:CreateSubnet",
        "ec2:CreateVpc",
        "ec2:CreateVpcEndpoint",
    ]
    changed = [
        "acm:DeleteCertificate",
        "acm:DescribeCertificate",
        "acm:UpdateCertificateOptions",
        "ec2:Associate*",
        "ec2:Attach*",
        "ec2:AuthorizeSecurityGroup*",
        "ec2:Create*",
        "ec2:Delete*",
        "ec2:Detach*",
        "ec2:Disassociate*",
        "ec2:Modify*",
        "ec2:ReleaseAddress",
        "ec2:Replace*",
        "ec2:RevokeSecurityGroup*",
        "ec2:UpdateSecurityGroup*",
    ]
    group = [scope.arn("ec2", "security-group/*"), scope.arn("ec2", "security-group-rule/*")]
    nobodys = {"Null": {"aws:ResourceTag/stack": "true"}}
    return [
        allow("NewTagged", created, "*", _being_tagged(scope)),
        allow("OwnTagged", changed, "*", _tagged(scope)),
        allow("Tagging", ["acm:AddTagsToCertificate", "ec2:CreateTags"], "*", _being_tagged(scope)),
        # The default group comes with its network and without a tag; it can be emptied, and then tagged.
        allow("DefaultGroup", ["ec2:RevokeSecurityGroup*"], group, nobodys),
    ]


def _compute(scope: Scope) -> list[Statement]:
    prefix, environment = scope.prefix, scope.environment
    of_ecs = [scope.arn("ecs", f"{kind}/{prefix}*") for kind in ("cluster", "service", "task", "task-definition")]
    # AWS gives load balancers 32 characters, so their names leave `nuggetwise-` out.
    of_balancers = [
        scope.arn("elasticloadbalancing", f"{kind}/{environment}-*")
        for kind in ("loadbalancer/app", "targetgroup", "listener/app", "listener-rule/app", "truststore")
    ] + [scope.arn("elasticloadbalancing", f"truststore/{prefix}*")]
    scaled = {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}}
    scaling = ["Delete*", "Deregister*", "Put*", "Register*"]
    targets = [scope.arn("application-autoscaling", "scalable-target/*")]
    return [
        allow("Cluster", ["ecs:*"], of_ecs),
        allow("TaskRevisions", ["ecs:DeregisterTaskDefinition"], "*"),
        allow("Balancers", ["elasticloadbalancing:*"], of_balancers),
        allow("Scaling", [f"application-autoscaling:{action}" for action in scaling], "*", scaled),
        # These two do not know of what service a target is.
        allow("ScalingTag", ["application-autoscaling:TagResource"], targets, _being_tagged(scope)),
        allow("ScalingUntag", ["application-autoscaling:UntagResource"], targets, _tagged(scope)),
        allow(
            "Schedules",
            ["scheduler:*"],
            [scope.arn("scheduler", f"schedule-group/{prefix}*"), scope.arn("scheduler", f"schedule/*/{prefix}*")],
        ),
    ]


def _images(scope: Scope) -> list[Statement]:
    looking = ["ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:ListImages", "ecr:ListTagsForResource"]
    return [
        allow("RegistryLogin", ["ecr:GetAuthorizationToken"], "*"),
        allow("Images", [*PULL, *PUSH, *looking], [scope.arn("ecr", "repository/nuggetwise/*")]),
    ]


def _data(scope: Scope) -> list[Statement]:
    prefix = scope.prefix
    # Groups, instances, snapshots and clusters all carry the name in the same place: <kind>:<name>.
    kinds = ("db", "subgrp", "pg", "snapshot", "og", "es")
    of_rds = [scope.arn("rds", f"{kind}:{prefix}*") for kind in kinds] + [
        scope.arn("rds", "pg:default*"),
        scope.arn("rds", "og:default*"),
        scope.arn("rds", "auto-backup:*"),  # backups have ids of AWS's making, and no tags of the instance's
    ]
    of_caches = [
        scope.arn("elasticache", f"{kind}:{prefix}*")
        for kind in ("replicationgroup", "cluster", "subnetgroup", "parametergroup", "snapshot", "user", "usergroup")
    ] + [scope.arn("elasticache", "parametergroup:default*")]
    masters = ["secretsmanager:CreateSecret", "secretsmanager:DescribeSecret", "secretsmanager:TagResource"]
    return [
        allow("Databases", ["rds:*"], of_rds),
        allow("Caches", ["elasticache:*"], of_caches),
        allow("Buckets", ["s3:*"], _with_objects(scope.buckets)),
        # A backup outlives any deployment, also one that went wrong or was made with stolen rights.
        {"Sid": "Backups", "Effect": "Deny", "Action": list(IRREVOCABLE), "Resource": _with_objects(scope.backups)},
        allow("Secrets", ["secretsmanager:*"], [scope.arn("secretsmanager", f"secret:{prefix}*")]),
        # RDS makes the administrator's password itself, in the name of who makes the instance.
        allow("DatabaseAdministrators", masters, [scope.arn("secretsmanager", "secret:rds!db-*")]),
    ]


def _keys(scope: Scope) -> list[Statement]:
    used = [
        "kms:CancelKeyDeletion",
        "kms:CreateAlias",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DeleteAlias",
        "kms:DescribeKey",
        "kms:EnableKey*",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:GetKey*",
        "kms:List*",
        "kms:PutKeyPolicy",
        "kms:ReEncrypt*",
        "kms:ReplicateKey",
        "kms:ScheduleKeyDeletion",
        "kms:UntagResource",
        "kms:Update*",
    ]
    aliases = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
    return [
        allow("NewKey", ["kms:CreateKey", "kms:TagResource"], "*", _being_tagged(scope)),
        allow("OwnKeys", used, scope.keys, _tagged(scope)),
        allow("KeyAliases", aliases, [scope.arn("kms", f"alias/{scope.prefix}*")]),
    ]


def _watch(scope: Scope) -> list[Statement]:
    prefix = scope.prefix
    # AWS's own log groups (Container Insights, RDS, ElastiCache) carry our name after a path of theirs.
    groups = [scope.arn("logs", f"log-group:{prefix}*"), scope.arn("logs", f"log-group:/*/{prefix}*")]
    alarms = [
        scope.arn("cloudwatch", f"alarm:{prefix}*"),
        # Autoscaling makes its own with the rights of who makes the policy:
        # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
        scope.arn("cloudwatch", f"alarm:TargetTracking-service/{prefix}*"),
        f"arn:aws:cloudwatch::{scope.account}:dashboard/{prefix}*",
    ]
    return [
        allow("Logs", ["logs:*"], groups),
        allow("Alarms", ["cloudwatch:*"], alarms),
        allow("Topics", ["sns:*"], [scope.arn("sns", f"{prefix}*")]),
        allow("Unsubscribe", ["sns:Unsubscribe"], "*"),
        allow("Queues", ["sqs:*"], [scope.arn("sqs", f"{prefix}*")]),
        allow("Events", ["events:*"], [scope.arn("events", f"rule/{prefix}*")]),
        *_addresses(scope),
        # Route 53 names health checks itself and knows no tag as a condition; a staging deployment could change
        # production's, which only watches.
        allow("NewHealthCheck", ["route53:CreateHealthCheck"], "*"),
        allow(
            "HealthChecks",
            ["route53:*HealthCheck*", "route53:ChangeTagsForResource", "route53:ListTagsForResource"],
            ["arn:aws:route53:::healthcheck/*"],
        ),
        allow("Budget", ["budgets:*"], [f"arn:aws:budgets::{scope.account}:budget/{prefix}*"]),
    ]


def _addresses(scope: Scope) -> list[Statement]:
    """What outsiders post to. API Gateway's actions are HTTP's methods, and its ARNs name no account.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagementv2.html
    """
    apis = [f"arn:aws:apigateway:{region}::/apis" for region in scope.regions]
    tags = [f"arn:aws:apigateway:{region}::/tags/*" for region in scope.regions]
    methods = [f"apigateway:{method}" for method in ("DELETE", "GET", "PATCH", "POST", "PUT")]
    return [
        allow("NewAddress", ["apigateway:POST"], apis, _being_tagged(scope)),
        allow("Addresses", methods, [f"{api}/*" for api in apis], _tagged(scope)),
        allow(
            "AddressTags", ["apigateway:POST", "apigateway:PUT", "apigateway:TagResource"], tags, _being_tagged(scope)
        ),
    ]


def _roles(scope: Scope) -> list[Statement]:
    roles = [scope.role(f"{scope.prefix}*")]
    bounded = {"StringEquals": {"iam:PermissionsBoundary": policy_arn(scope.account, scope.environment)}}
    given = ["AttachRolePolicy", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy"]
    # Taking a boundary away is not among them.
    plain = [
        "DeleteRole",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListInstanceProfilesForRole",
        "ListRolePolicies",
        "ListRoleTags",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    ]
    to = {"StringEquals": {"iam:PassedToService": [f"{service}.amazonaws.com" for service in PASSED_TO]}}
    by_aws = {"StringEquals": {"iam:AWSServiceName": [f"{service}.amazonaws.com" for service in SERVICE_ROLES]}}
    return [
        allow("BoundedRoles", [f"iam:{action}" for action in given], roles, bounded),
        allow("Roles", [f"iam:{action}" for action in plain], roles),
        allow("PassRoles", ["iam:PassRole"], roles, to),
        allow("ServiceRoles", ["iam:CreateServiceLinkedRole"], [scope.role("aws-service-role/*")], by_aws),
    ]


def state(scope: Scope, bucket: str, key_arns: Sequence[str]) -> list[Statement]:
    """The stack's own state, and the bootstrap stack's to read outputs from. Where the engine keeps what:

    https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/store.go
    """
    arn, stack = f"arn:aws:s3:::{bucket}", f"nuggetwise/{scope.environment}"
    own = [
        f"{arn}/.pulumi/stacks/{stack}.json*",
        f"{arn}/.pulumi/locks/organization/{stack}/*",
        f"{arn}/.pulumi/history/{stack}/*",
        f"{arn}/.pulumi/backups/{stack}/*",
    ]
    shared = [f"{arn}/.pulumi/meta.yaml", f"{arn}/.pulumi/stacks/nuggetwise-bootstrap/*"]
    return [
        allow("ListState", ["s3:ListBucket"], [arn]),
        allow("WriteState", ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], own),
        allow("ReadShared", ["s3:GetObject"], shared),
        allow("SealState", ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"], key_arns),
    ]


def boundary(scope: Scope) -> list[Statement]:
    """The most that any role of the environment may do: its own data, logs, secrets and tasks, and nothing of IAM."""
    prefix = scope.prefix
    masters = {
        "ArnLike": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": scope.arn("rds", f"db:{prefix}*")},
    }
    logs = ["CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents", "PutRetentionPolicy"]
    sealing = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"]
    # What RDS writes of the machine goes to a group of its name, shared by the account's instances.
    groups = [f"log-group:{prefix}*", f"log-group:/*/{prefix}*", "log-group:RDSOSMetrics*"]
    reading = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    tasks = [scope.arn("ecs", f"{kind}/{prefix}*") for kind in ("cluster", "service", "task", "task-definition")]
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    return [
        allow("RegistryLogin", ["ecr:GetAuthorizationToken"], "*"),
        allow("Images", PULL, [scope.arn("ecr", "repository/nuggetwise/*")]),
        allow("Logs", [f"logs:{action}" for action in logs], [scope.arn("logs", group) for group in groups]),
        allow("Describe", ["logs:DescribeLogGroups", "rds:DescribeDB*"], "*"),
        allow("Metrics", ["cloudwatch:PutMetricData"], "*", {"StringLike": {"cloudwatch:namespace": "Nuggetwise*"}}),
        allow("Secrets", reading, [scope.arn("secretsmanager", f"secret:{prefix}*")]),
        allow("DatabaseAdministrators", reading, [scope.arn("secretsmanager", "secret:rds!db-*")], masters),
        allow("OwnKeys", sealing, scope.keys, _tagged(scope)),
        allow("Buckets", OBJECTS, _with_objects(scope.buckets)),
        allow("Topics", ["sns:Publish"], [scope.arn("sns", f"{prefix}*")]),
        allow("Queues", ["sqs:SendMessage"], [scope.arn("sqs", f"{prefix}*")]),
        allow("Events", ["events:PutEvents"], [scope.arn("events", "event-bus/default")]),
        allow("Tasks", ["ecs:DescribeTasks", "ecs:RunTask", "ecs:StopTask", "ecs:TagResource"], tasks),
        allow("PassRoles", ["iam:PassRole"], [scope.role(f"{prefix}*")], to_tasks),
    ]
