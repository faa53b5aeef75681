"""What AWS fills in, in the forms that it has there: https://docs.aws.amazon.com/service-authorization/latest/reference/."""

import secrets
from collections.abc import Mapping
from typing import Any

from rehearsal import restores
from rehearsal.cloud import Cloud, Missing
from rehearsal.computed.shape import Fields, Place, Shape, Value, fixed, shape
from rehearsal.refusals import Refused
from rehearsal.schema import Type

# The zone ids that AWS publishes for its endpoints, of the regions we use:
# https://docs.aws.amazon.com/general/latest/gr/elb.html and https://docs.aws.amazon.com/general/latest/gr/s3.html.
LOAD_BALANCER_ZONES = {"eu-central-1": "Z215JYRZR1TBD5", "eu-west-1": "Z32O12XQLNTSW2", "us-east-1": "Z35SXDOTRQ7X7K"}
BUCKET_ZONES = {"eu-central-1": "Z21DNDUVLTQW6Q", "eu-west-1": "Z1BKCTXD74EZPE", "us-east-1": "Z3AQBSTGFYJSTF"}

TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"


def letters_of(region: str) -> str:
    """AWS writes eu-central-1 as euc1 in addresses of ElastiCache and in ids of zones."""
    area, *direction, number = region.split("-")
    return area + "".join(word[0] for word in direction) + number


def _master_user_secrets(fields: Fields) -> Any:
    if not fields.get("manageMasterUserPassword"):
        return []
    arn = "arn:aws:secretsmanager:{region}:{account}:secret:rds!db-{uuid}-{mixed6}".format_map(fields)
    return [{"secretArn": arn, "secretStatus": "active", "kmsKeyId": fields.get("masterUserSecretKmsKeyId") or ""}]


def _as_source(property: str, otherwise: Any) -> Value:
    """A restored instance has it from its source, unless AWS is told."""
    return lambda f: restores.source(f.cloud, f, f["region"]).get(property, otherwise)


def _domain_validation_options(fields: Fields) -> Any:
    domains = [fields["domainName"], *fields.get("subjectAlternativeNames", [])]
    return [
        {
            "domainName": domain,
            "resourceRecordName": f"_{fields['hex32']}.{domain.removeprefix('*.')}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_{fields['hex32']}.{fields['lower10']}.acm-validations.aws.",
        }
        for domain in dict.fromkeys(domains)
    ]


def _revision(fields: Fields) -> int:
    """One more than any that there was, since a number is not given twice."""
    cloud, region, family = fields.cloud, fields["region"], fields["family"]
    earlier = [*cloud.list(TASK_DEFINITION), *cloud.buried(TASK_DEFINITION, region).values()]
    numbers = [one.outputs["revision"] for one in earlier if one.region == region and one.outputs["family"] == family]
    return max(numbers, default=0) + 1


def _service_arn(fields: Fields) -> str:
    cluster = fields.get("cluster", "default").rpartition("/")[2]
    return "arn:aws:ecs:{region}:{account}:service/".format_map(fields) + f"{cluster}/{fields['name']}"


def _suffix_of(arn: str) -> str:
    """What CloudWatch calls a load balancer: all of its ARN after `loadbalancer/`."""
    return arn.partition("loadbalancer/")[2]


def _primary(cloud: Cloud, arn: str) -> Mapping[str, Any]:
    try:
        return cloud.one("aws:kms/key:Key", arn=arn).outputs
    except Missing:
        return {}


def _target_key(fields: Fields) -> str:
    target = fields["targetKeyId"].rpartition("/")[2]
    return f"arn:aws:kms:{fields['region']}:{fields['account']}:key/{target}"


def _members(fields: Fields) -> list[str]:
    count = fields.get("numCacheClusters") or (fields.get("replicasPerNodeGroup") or 0) + 1
    return [f"{fields['replicationGroupId']}-{number:03}" for number in range(1, count + 1)]


def _group_address(kind: str) -> str:
    return kind + ".{replicationGroupId}.{lower6}.{letters}.cache.amazonaws.com"


def _address(fields: Fields) -> str:
    return f"3.120.{secrets.randbelow(256)}.{secrets.randbelow(256)}"


def _default_group(fields: Fields) -> str:
    try:
        return fields.cloud.read("aws:ec2/vpc:Vpc", fields["vpcId"], fields["region"]).outputs["defaultSecurityGroupId"]
    except Missing:
        raise Refused(f"InvalidVpcID.NotFound: The vpc ID '{fields['vpcId']}' does not exist") from None


def _policy_arn(fields: Fields) -> str:
    return f"arn:aws:iam::{fields['account']}:policy{fields.get('path', '/')}{fields['name']}"


def _gateway_prefix_list(fields: Fields) -> str | None:
    return f"pl-{fields['hex8']}" if fields["vpcEndpointType"] == "Gateway" else None


def _endpoint_interfaces(fields: Fields) -> list[str]:
    return [f"eni-0{fields['hex16']}" for _ in fields.get("subnetIds", [])]


def _endpoint_names(fields: Fields) -> list[dict[str, str]]:
    if fields["vpcEndpointType"] != "Interface":
        return []
    return [{"dnsName": "{id}-{lower8}.{serviceName}".format_map(fields), "hostedZoneId": "Z273ZU8SZ5RJPC"}]


def _vpc_of_subnets(fields: Fields) -> str | None:
    subnets = fields.get("subnets") or fields.get("subnetIds") or []
    found = [fields.cloud.find("aws:ec2/subnet:Subnet", id=subnet) for subnet in subnets[:1]]
    return found[0][0].outputs.get("vpcId") if found and found[0] else None


def _load_balancer_type(fields: Fields) -> str:
    return {"network": "net", "gateway": "gwy"}.get(fields.get("loadBalancerType", ""), "app")


def _ec2(prefix: str, kind: str, /, **outputs: Value) -> Shape:
    arn = "arn:aws:ec2:{region}:{account}:" + kind + "/{id}"
    return shape(prefix + "-0{hex16}", arn=arn, ownerId="{account}", **outputs)


SHAPES: Mapping[str, Shape] = {
    # Network
    "aws:ec2/vpc:Vpc": _ec2(
        "vpc",
        "vpc",
        mainRouteTableId="rtb-0{hex16}",
        defaultRouteTableId="{mainRouteTableId}",
        defaultNetworkAclId="acl-0{hex16}",
        defaultSecurityGroupId="sg-0{hex16}",
        dhcpOptionsId="dopt-0{hex16}",
        enableDnsSupport=fixed(True),
        instanceTenancy="default",
    ),
    "aws:ec2/subnet:Subnet": _ec2("subnet", "subnet", mapPublicIpOnLaunch=fixed(False)),
    "aws:ec2/internetGateway:InternetGateway": _ec2("igw", "internet-gateway"),
    "aws:ec2/eip:Eip": _ec2(
        "eipalloc",
        "elastic-ip",
        allocationId="{id}",
        publicIp=_address,
    ),
    "aws:ec2/natGateway:NatGateway": _ec2(
        "nat",
        "natgateway",
        networkInterfaceId="eni-0{hex16}",
        connectivityType="public",
        publicIp="3.120.0.1",
    ),
    "aws:ec2/routeTable:RouteTable": _ec2("rtb", "route-table"),
    "aws:ec2/route:Route": shape("r-{routeTableId}{digits10}", state="active", origin="CreateRoute"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": shape("rtbassoc-0{hex16}"),
    "aws:ec2/networkAcl:NetworkAcl": _ec2("acl", "network-acl"),
    # These two are made with their VPC, and only taken over.
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": shape(
        "{defaultNetworkAclId}", arn="arn:aws:ec2:{region}:{account}:network-acl/{id}", ownerId="{account}"
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": shape(
        _default_group,
        arn="arn:aws:ec2:{region}:{account}:security-group/{id}",
        ownerId="{account}",
        name="default",
        description="default VPC security group",
    ),
    "aws:ec2/securityGroup:SecurityGroup": _ec2("sg", "security-group", description="Managed by Pulumi"),
    "aws:ec2/securityGroupRule:SecurityGroupRule": shape("sgrule-{digits10}", securityGroupRuleId="sgr-0{hex16}"),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ec2(
        "sgr", "security-group-rule", securityGroupRuleId="{id}"
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _ec2(
        "sgr", "security-group-rule", securityGroupRuleId="{id}"
    ),
    "aws:ec2/managedPrefixList:ManagedPrefixList": _ec2("pl", "prefix-list", version=fixed(1)),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _ec2(
        "vpce",
        "vpc-endpoint",
        vpcEndpointType="Gateway",
        state="available",
        prefixListId=_gateway_prefix_list,
        networkInterfaceIds=_endpoint_interfaces,
        dnsEntries=_endpoint_names,
    ),
    "aws:ec2/flowLog:FlowLog": _ec2("fl", "vpc-flow-log"),
    # Keys and secrets
    "aws:kms/key:Key": shape(
        lambda f: f"mrk-{f['hex32']}" if f.get("multiRegion") else f["uuid"],
        keyId="{id}",
        arn="arn:aws:kms:{region}:{account}:key/{id}",
        isEnabled=fixed(True),
        keyUsage="ENCRYPT_DECRYPT",
        customerMasterKeySpec="SYMMETRIC_DEFAULT",
        multiRegion=fixed(False),
    ),
    "aws:kms/replicaKey:ReplicaKey": shape(
        lambda f: f["primaryKeyArn"].rpartition("/")[2],
        keyId="{id}",
        arn="arn:aws:kms:{region}:{account}:key/{id}",
        enabled=fixed(True),
        keySpec="SYMMETRIC_DEFAULT",
        keyUsage="ENCRYPT_DECRYPT",
        keyRotationEnabled=lambda f: _primary(f.cloud, f["primaryKeyArn"]).get("enableKeyRotation", False),
    ),
    "aws:kms/alias:Alias": shape("{name}", arn="arn:aws:kms:{region}:{account}:{name}", targetKeyArn=_target_key),
    "aws:kms/keyPolicy:KeyPolicy": shape("{keyId}"),
    "aws:secretsmanager/secret:Secret": shape(
        "arn:aws:secretsmanager:{region}:{account}:secret:{name}-{mixed6}", arn="{id}", recoveryWindowInDays=fixed(30)
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": shape(
        lambda f: f"{f['secretId']}|terraform-{f['digits20']}00000001",
        arn="{secretId}",
        secretArn="{secretId}",
        versionId=lambda f: f["id"].rpartition("|")[2],
        versionStages=fixed(["AWSCURRENT"]),
        hasSecretStringWo=fixed(False),
    ),
    "aws:secretsmanager/secretPolicy:SecretPolicy": shape("{secretArn}"),
    "aws:secretsmanager/secretRotation:SecretRotation": shape("{secretId}"),
    # Identities
    "aws:iam/role:Role": shape(
        "{name}",
        path="/",
        arn="arn:aws:iam::{account}:role{path}{name}",
        uniqueId="AROA{upper17}",
        createDate="{now}",
        maxSessionDuration=fixed(3600),
    ),
    "aws:iam/policy:Policy": shape(
        _policy_arn,
        arn="{id}",
        policyId="ANPA{upper17}",
    ),
    "aws:iam/rolePolicy:RolePolicy": shape("{role}:{name}"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": shape("{role}/{policyArn}"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": shape(
        lambda f: f"arn:aws:iam::{f['account']}:oidc-provider/{f['url'].removeprefix('https://')}",
        arn="{id}",
        thumbprintLists=lambda f: [f["hex40"]],
    ),
    # Data
    "aws:rds/instance:Instance": shape(
        "db-{upper26}",
        resourceId="{id}",
        arn="arn:aws:rds:{region}:{account}:db:{identifier}",
        port=fixed(5432),
        address="{identifier}.{lower12}.{region}.rds.amazonaws.com",
        endpoint="{address}:{port}",
        hostedZoneId="Z1RLNUO7B9Q6NB",
        status="available",
        engineVersionActual=lambda f: f.get("engineVersion"),
        masterUserSecrets=_master_user_secrets,
        username=_as_source("username", "postgres"),
        kmsKeyId=_as_source("kmsKeyId", None),
        backupRetentionPeriod=_as_source("backupRetentionPeriod", 1),
        # What a restored instance has not from its source either.
        multiAz=fixed(False),
        parameterGroupName="default.postgres17",
        dbSubnetGroupName="default",
        vpcSecurityGroupIds=fixed(["sg-default"]),
        deletionProtection=fixed(False),
    ),
    restores.REPLICATION: shape("arn:aws:rds:{region}:{account}:auto-backup:ab-{lower26}"),
    "aws:rds/parameterGroup:ParameterGroup": shape("{name}", arn="arn:aws:rds:{region}:{account}:pg:{name}"),
    "aws:rds/subnetGroup:SubnetGroup": shape(
        "{name}", arn="arn:aws:rds:{region}:{account}:subgrp:{name}", vpcId=_vpc_of_subnets
    ),
    "aws:rds/eventSubscription:EventSubscription": shape(
        "{name}", arn="arn:aws:rds:{region}:{account}:es:{name}", customerAwsId="{account}"
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": shape(
        "{replicationGroupId}",
        arn="arn:aws:elasticache:{region}:{account}:replicationgroup:{id}",
        port=fixed(6379),
        primaryEndpointAddress=lambda f: _group_address("master").format_map(_with_letters(f)),
        readerEndpointAddress=lambda f: f["primaryEndpointAddress"].replace("master.", "replica.", 1),
        memberClusters=_members,
        clusterEnabled=fixed(False),
        engineVersionActual=lambda f: f.get("engineVersion"),
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": shape(
        "{name}", arn="arn:aws:elasticache:{region}:{account}:parametergroup:{name}"
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": shape(
        "{name}", arn="arn:aws:elasticache:{region}:{account}:subnetgroup:{name}", vpcId=_vpc_of_subnets
    ),
    "aws:elasticache/user:User": shape("{userId}", arn="arn:aws:elasticache:{region}:{account}:user:{userId}"),
    "aws:elasticache/userGroup:UserGroup": shape(
        "{userGroupId}", arn="arn:aws:elasticache:{region}:{account}:usergroup:{userGroupId}"
    ),
    "aws:s3/bucket:Bucket": shape(
        "{bucket}",
        arn="arn:aws:s3:::{bucket}",
        bucketDomainName="{bucket}.s3.amazonaws.com",
        bucketRegion="{region}",
        bucketRegionalDomainName="{bucket}.s3.{region}.amazonaws.com",
        hostedZoneId=lambda f: BUCKET_ZONES.get(f["region"]),
        forceDestroy=fixed(False),
        objectLockEnabled=fixed(False),
    ),
    "aws:s3/bucketObject:BucketObject": shape("{bucket}/{key}", etag="{hex32}", versionId="{mixed32}"),
    "aws:s3/bucketObjectv2:BucketObjectv2": shape("{bucket}/{key}", etag="{hex32}", versionId="{mixed32}"),
    # Containers
    "aws:ecr/repository:Repository": shape(
        "{name}",
        arn="arn:aws:ecr:{region}:{account}:repository/{name}",
        registryId="{account}",
        repositoryUrl=lambda f: f"{f.place.registry or _registry(f)}/{f['name']}",
        imageTagMutability="MUTABLE",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": shape("{repository}", registryId="{account}"),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": shape("{repository}", registryId="{account}"),
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": shape("{account}", registryId="{account}"),
    "aws:ecs/cluster:Cluster": shape("arn:aws:ecs:{region}:{account}:cluster/{name}", arn="{id}"),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": shape("{clusterName}"),
    TASK_DEFINITION: shape(
        "{family}",
        revision=_revision,
        arnWithoutRevision="arn:aws:ecs:{region}:{account}:task-definition/{family}",
        arn="{arnWithoutRevision}:{revision}",
    ),
    "aws:ecs/service:Service": shape(
        _service_arn,
        arn="{id}",
        launchType=lambda f: None if f.get("capacityProviderStrategies") else "EC2",
        schedulingStrategy="REPLICA",
        desiredCount=fixed(0),
    ),
    "aws:appautoscaling/target:Target": shape(
        "{resourceId}", arn="arn:aws:application-autoscaling:{region}:{account}:scalable-target/{hex32}"
    ),
    "aws:appautoscaling/policy:Policy": shape(
        "{name}",
        arn="arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid}:resource/{serviceNamespace}/{resourceId}"
        ":policyName/{name}",
        alarmArns=fixed([]),
    ),
    # Load balancing and certificates
    "aws:lb/loadBalancer:LoadBalancer": shape(
        lambda f: (
            "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/".format_map(f)
            + f"{_load_balancer_type(f)}/{f['name']}/{f['hex16']}"
        ),
        arn="{id}",
        arnSuffix=lambda f: _suffix_of(f["id"]),
        dnsName="{name}-{digits10}.{region}.elb.amazonaws.com",
        zoneId=lambda f: LOAD_BALANCER_ZONES.get(f["region"]),
        vpcId=_vpc_of_subnets,
        loadBalancerType="application",
        internal=fixed(False),
        enableDeletionProtection=fixed(False),
    ),
    "aws:lb/targetGroup:TargetGroup": shape(
        "arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{hex16}",
        arn="{id}",
        arnSuffix=lambda f: f["id"].rpartition(":")[2],
        loadBalancerArns=fixed([]),
    ),
    "aws:lb/listener:Listener": shape(
        lambda f: f"{f['loadBalancerArn'].replace(':loadbalancer/', ':listener/')}/{f['hex16']}", arn="{id}"
    ),
    "aws:lb/listenerRule:ListenerRule": shape(
        lambda f: f"{f['listenerArn'].replace(':listener/', ':listener-rule/')}/{f['hex16']}", arn="{id}"
    ),
    "aws:lb/trustStore:TrustStore": shape(
        "arn:aws:elasticloadbalancing:{region}:{account}:truststore/{name}/{hex16}",
        arn="{id}",
        arnSuffix="truststore/{name}",
    ),
    "aws:acm/certificate:Certificate": shape(
        "arn:aws:acm:{region}:{account}:certificate/{uuid}",
        arn="{id}",
        status=lambda f: "ISSUED" if f.get("certificateBody") else "PENDING_VALIDATION",
        type=lambda f: "IMPORTED" if f.get("certificateBody") else "AMAZON_ISSUED",
        domainName="",
        domainValidationOptions=lambda f: [] if f.get("certificateBody") else _domain_validation_options(f),
        renewalEligibility="INELIGIBLE",
    ),
    "aws:acm/certificateValidation:CertificateValidation": shape("{now}"),
    # Watching
    "aws:cloudwatch/logGroup:LogGroup": shape(
        "{name}", arn="arn:aws:logs:{region}:{account}:log-group:{name}", retentionInDays=fixed(0)
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": shape("{name}"),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": shape("{policyName}"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": shape("{name}", arn="arn:aws:cloudwatch:{region}:{account}:alarm:{name}"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": shape(
        "{alarmName}", arn="arn:aws:cloudwatch:{region}:{account}:alarm:{alarmName}"
    ),
    "aws:cloudwatch/dashboard:Dashboard": shape(
        "{dashboardName}", dashboardArn="arn:aws:cloudwatch::{account}:dashboard/{dashboardName}"
    ),
    "aws:cloudwatch/eventRule:EventRule": shape(
        "{name}", eventBusName="default", arn="arn:aws:events:{region}:{account}:rule/{name}"
    ),
    "aws:cloudwatch/eventTarget:EventTarget": shape(
        "{rule}-{digits10}", targetId="terraform-{digits20}", eventBusName="default"
    ),
    "aws:apigatewayv2/api:Api": shape(
        "{lower10}",
        apiEndpoint="https://{id}.execute-api.{region}.amazonaws.com",
        arn="arn:aws:apigateway:{region}::/apis/{id}",
        executionArn="arn:aws:execute-api:{region}:{account}:{id}",
    ),
    "aws:apigatewayv2/integration:Integration": shape("{lower7}"),
    "aws:apigatewayv2/route:Route": shape("{lower7}"),
    "aws:apigatewayv2/stage:Stage": shape("{name}", invokeUrl="https://{apiId}.execute-api.{region}.amazonaws.com/"),
    "aws:sns/topic:Topic": shape("arn:aws:sns:{region}:{account}:{name}", arn="{id}", owner="{account}"),
    "aws:sns/topicPolicy:TopicPolicy": shape("{arn}", owner="{account}"),
    "aws:sns/topicSubscription:TopicSubscription": shape(
        "{topic}:{uuid}",
        arn="{id}",
        ownerId="{account}",
        pendingConfirmation=lambda f: f["protocol"].startswith(("email", "http")),
        confirmationWasAuthenticated=lambda f: not f["pendingConfirmation"],
    ),
    "aws:sqs/queue:Queue": shape(
        "https://sqs.{region}.amazonaws.com/{account}/{name}", url="{id}", arn="arn:aws:sqs:{region}:{account}:{name}"
    ),
    "aws:sqs/queuePolicy:QueuePolicy": shape("{queueUrl}"),
    "aws:scheduler/schedule:Schedule": shape(
        lambda f: f"{f.get('groupName') or 'default'}/{f['name']}",
        arn="arn:aws:scheduler:{region}:{account}:schedule/{id}",
        groupName="default",
        state="ENABLED",
    ),
    "aws:scheduler/scheduleGroup:ScheduleGroup": shape(
        "{name}", arn="arn:aws:scheduler:{region}:{account}:schedule-group/{name}", state="ACTIVE"
    ),
    "aws:route53/healthCheck:HealthCheck": shape("{uuid}", arn="arn:aws:route53:::healthcheck/{id}"),
    "aws:budgets/budget:Budget": shape("{account}:{name}", arn="arn:aws:budgets::{account}:budget/{name}"),
    "aws:cloudtrail/trail:Trail": shape(
        "arn:aws:cloudtrail:{region}:{account}:trail/{name}", arn="{id}", homeRegion="{region}"
    ),
}


def _with_letters(fields: Fields) -> Mapping[str, Any]:
    fields["letters"] = letters_of(fields["region"])
    return fields


def _registry(fields: Fields) -> str:
    return "{account}.dkr.ecr.{region}.amazonaws.com".format_map(fields)


def common(kind: Type, fields: Fields) -> Shape:
    """What every type has: an ARN and all tags; and the id of one without a shape of its own."""
    _, path, name = kind.token.split(":")
    service = path.partition("/")[0]
    owner = next((fields[one] for one in ("bucket", "name") if isinstance(fields.get(one), str)), None)
    return shape(
        owner.replace("{", "{{").replace("}", "}}") if owner else "{lower24}",
        arn=f"arn:aws:{service}:{{region}}:{{account}}:{name.lower()}/{{id}}",
        tagsAll=lambda f: tags_all(kind, f, f.place).get("tagsAll"),
    )


def tags_all(kind: Type, outputs: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The tags with those that the provider adds to every resource."""
    return {"tagsAll": {**place.default_tags, **(outputs.get("tags") or {})}} if "tagsAll" in kind.outputs else {}
