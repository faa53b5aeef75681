"""Which changes replace a resource instead of changing it.

The SDKs' documentation of a property says so for some (`schema.Property.replaces`). For most of AWS that remark was
lost on its way into the SDK and Cloudflare's never had it, so that this table adds what we declare. Its source is what
the SDKs are generated from, where such a property is marked ForceNew or RequiresReplace:
https://github.com/hashicorp/terraform-provider-aws/tree/main/internal/service,
https://github.com/cloudflare/terraform-provider-cloudflare/tree/main/internal/services and
https://github.com/vercel/terraform-provider-vercel/tree/main/vercel.
"""

from collections.abc import Mapping

from rehearsal import schema
from rehearsal.schema import Property, Type
from rehearsal.values import Path

REPLACING: Mapping[str, str] = {
    "aws:acm/certificate:Certificate": "certificateAuthorityArn domainName keyAlgorithm subjectAlternativeNames"
    " validationMethod",
    "aws:acm/certificateValidation:CertificateValidation": "certificateArn validationRecordFqdns",
    "aws:appautoscaling/policy:Policy": "name resourceId scalableDimension serviceNamespace",
    "aws:appautoscaling/scheduledAction:ScheduledAction": "name resourceId serviceNamespace",
    "aws:appautoscaling/target:Target": "resourceId scalableDimension serviceNamespace",
    "aws:budgets/budget:Budget": "accountId name namePrefix",
    "aws:cloudtrail/trail:Trail": "name",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "alarmName",
    "aws:cloudwatch/dashboard:Dashboard": "dashboardName",
    "aws:cloudwatch/eventRule:EventRule": "eventBusName name namePrefix",
    "aws:cloudwatch/eventTarget:EventTarget": "eventBusName rule targetId",
    "aws:cloudwatch/logGroup:LogGroup": "logGroupClass name namePrefix",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "logGroupName name",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyName",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "name",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": "defaultNetworkAclId",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "vpcId",
    "aws:ec2/eip:Eip": "address domain networkBorderGroup publicIpv4Pool",
    "aws:ec2/flowLog:FlowLog": "deliverCrossAccountRole destinationOptions eniId iamRoleArn logDestination"
    " logDestinationType logFormat maxAggregationInterval subnetId trafficType vpcId",
    "aws:ec2/managedPrefixList:ManagedPrefixList": "addressFamily",
    "aws:ec2/natGateway:NatGateway": "allocationId connectivityType privateIp subnetId",
    "aws:ec2/networkAcl:NetworkAcl": "vpcId",
    "aws:ec2/route:Route": "destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId routeTableId",
    "aws:ec2/routeTable:RouteTable": "vpcId",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "gatewayId subnetId",
    "aws:ec2/securityGroup:SecurityGroup": "description name namePrefix vpcId",
    "aws:ec2/securityGroupRule:SecurityGroupRule": "cidrBlocks fromPort ipv6CidrBlocks prefixListIds protocol"
    " securityGroupId self sourceSecurityGroupId toPort type",
    "aws:ec2/subnet:Subnet": "availabilityZone availabilityZoneId cidrBlock ipv6Native outpostArn vpcId",
    "aws:ec2/vpc:Vpc": "cidrBlock ipv4IpamPoolId ipv4NetmaskLength",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "serviceName serviceRegion vpcEndpointType vpcId",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "policy repository",
    "aws:ecr/repository:Repository": "encryptionConfigurations name",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "repository",
    "aws:ecs/cluster:Cluster": "name",
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "clusterName",
    "aws:ecs/service:Service": "cluster deploymentController.type iamRole launchType name schedulingStrategy",
    "aws:ecs/taskDefinition:TaskDefinition": "containerDefinitions cpu enableFaultInjection ephemeralStorage"
    " executionRoleArn family ipcMode memory networkMode pidMode placementConstraints proxyConfiguration"
    " requiresCompatibilities runtimePlatform taskRoleArn volumes",
    "aws:elasticache/parameterGroup:ParameterGroup": "description family name",
    "aws:elasticache/replicationGroup:ReplicationGroup": "atRestEncryptionEnabled dataTieringEnabled"
    " globalReplicationGroupId kmsKeyId networkType port replicationGroupId snapshotArns snapshotName subnetGroupName",
    "aws:elasticache/subnetGroup:SubnetGroup": "name",
    "aws:elasticache/user:User": "userId userName",
    "aws:elasticache/userGroup:UserGroup": "userGroupId",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "url",
    "aws:iam/policy:Policy": "description name namePrefix path",
    "aws:iam/role:Role": "name namePrefix path",
    "aws:iam/rolePolicy:RolePolicy": "name namePrefix role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn role",
    "aws:kms/alias:Alias": "name namePrefix",
    "aws:kms/key:Key": "customKeyStoreId customerMasterKeySpec keyUsage multiRegion xksKeyId",
    "aws:kms/keyPolicy:KeyPolicy": "keyId",
    "aws:kms/replicaKey:ReplicaKey": "primaryKeyArn",
    "aws:lb/listener:Listener": "loadBalancerArn",
    "aws:lb/listenerCertificate:ListenerCertificate": "certificateArn listenerArn",
    "aws:lb/listenerRule:ListenerRule": "listenerArn",
    "aws:lb/loadBalancer:LoadBalancer": "customerOwnedIpv4Pool internal loadBalancerType name namePrefix",
    "aws:lb/targetGroup:TargetGroup": "ipAddressType name namePrefix port protocol protocolVersion targetType vpcId",
    "aws:lb/trustStore:TrustStore": "caCertificatesBundleS3Bucket caCertificatesBundleS3Key"
    " caCertificatesBundleS3ObjectVersion name namePrefix",
    "aws:rds/eventSubscription:EventSubscription": "name namePrefix",
    "aws:rds/instance:Instance": "availabilityZone backupTarget characterSetName dbName engine kmsKeyId"
    " ncharCharacterSetName restoreToPointInTime s3Import snapshotIdentifier storageEncrypted timezone username",
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": "kmsKeyId preSignedUrl"
    " retentionPeriod sourceDbInstanceArn",
    "aws:rds/parameterGroup:ParameterGroup": "description family name namePrefix",
    "aws:rds/subnetGroup:SubnetGroup": "name namePrefix",
    "aws:route53/healthCheck:HealthCheck": "measureLatency referenceName requestInterval routingControlArn type",
    "aws:s3/bucket:Bucket": "bucket bucketPrefix objectLockEnabled",
    "aws:s3/bucketObject:BucketObject": "bucket key",
    "aws:s3/bucketObjectv2:BucketObjectv2": "bucket key",
    "aws:scheduler/schedule:Schedule": "groupName name namePrefix",
    "aws:scheduler/scheduleGroup:ScheduleGroup": "name namePrefix",
    "aws:secretsmanager/secret:Secret": "name namePrefix",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "secretArn",
    "aws:secretsmanager/secretVersion:SecretVersion": "secretBinary secretId secretString",
    "aws:sns/topic:Topic": "fifoTopic name namePrefix",
    "aws:sns/topicPolicy:TopicPolicy": "arn",
    "aws:sns/topicSubscription:TopicSubscription": "endpoint protocol topic",
    "aws:sqs/queue:Queue": "fifoQueue name namePrefix",
    "aws:sqs/queuePolicy:QueuePolicy": "queueUrl",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "securityGroupId",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "securityGroupId",
    "cloudflare:index/ruleset:Ruleset": "kind phase",
    "vercel:index/projectDomain:ProjectDomain": "domain projectId",
    "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable": "key projectId",
    "vercel:index/projectEnvironmentVariables:ProjectEnvironmentVariables": "projectId",
}

# What a resource belongs to replaces it when it changes, whatever the type.
OWNERS: Mapping[str, frozenset[str]] = {
    # Since version 7 every AWS resource may name its own region.
    "aws": frozenset({"region"}),
    # Part of the path of every call.
    "cloudflare": frozenset({"accountId", "zoneId", "settingId"}),
    "vercel": frozenset({"teamId"}),
}
# The settings of a bucket are resources of their own, each of one bucket for good.
BUCKET_SETTINGS = "aws:s3/bucket"


def replaces(kind: Type, path: Path) -> bool:
    """Whether the resource is replaced when what stands at `path` changes."""
    names = [part for part in path if isinstance(part, str)]
    package = kind.token.partition(":")[0]
    if names[0] in OWNERS[package] or (names[0] == "bucket" and kind.token.startswith(BUCKET_SETTINGS)):
        return True
    listed = REPLACING.get(kind.token, "").split()
    return any(".".join(names[: depth + 1]) in listed for depth in range(len(names))) or _says_so(kind.inputs, names)


def _says_so(known: Mapping[str, Property], names: list[str]) -> bool:
    """Whether the documentation of the property, or of one it stands in, does."""
    for name in names:
        if name not in known:
            return False
        if known[name].replaces:
            return True
        kind = known[name].kind
        while kind.element is not None:
            kind = kind.element
        known = schema.properties(kind.args) if kind.args else {}
    return False
