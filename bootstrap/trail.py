"""Who did what in the account: CloudTrail, and what of it rings at once."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bootstrap.bucket import kept, lifecycle
from bootstrap.key import own_key
from bootstrap.policy import Statement, allow, document
from bootstrap.settings import Settings
from infra.bucket.aws import Bucket, Spec
from infra.key import policies
from infra.key.aws import Key

# Fixed, because the policies that let CloudTrail write name the trail before it exists.
NAME, LOG_GROUP = "nuggetwise", "nuggetwise-trail"


@dataclass(frozen=True)
class Alarm:
    """Events that nobody should learn of late."""

    name: str
    description: str
    pattern: str


ALARMS = (
    Alarm(
        "key-lost",
        "A KMS key was disabled or is to be deleted, with all it sealed. `aws kms cancel-key-deletion` takes it back.",
        '{ ($.eventSource = "kms.amazonaws.com") && '
        '(($.eventName = "DisableKey") || ($.eventName = "ScheduleKeyDeletion")) }',
    ),
    Alarm(
        "root-used",
        "The account's root user did something. Nothing here needs it.",
        '{ ($.userIdentity.type = "Root") && ($.userIdentity.invokedBy NOT EXISTS) && '
        '($.eventType != "AwsServiceEvent") }',
    ),
    Alarm(
        "trail-changed",
        "CloudTrail was stopped, changed or deleted, and with it this alarm's own source.",
        '{ ($.eventSource = "cloudtrail.amazonaws.com") && (($.eventName = "StopLogging") || '
        '($.eventName = "DeleteTrail") || ($.eventName = "UpdateTrail") || ($.eventName = "PutEventSelectors")) }',
    ),
)


class Trail(pulumi.ComponentResource):
    """Every management event of every region, sealed and signed, in a bucket and in CloudWatch, with ALARMS on it."""

    arn: pulumi.Output[str]

    def __init__(
        self, name: str, settings: Settings, access_logs: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("nuggetwise:bootstrap:Trail", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = own_key("trail", settings, "CloudTrail, its log group and its alarms", child, key_statements(settings))
        bucket = Bucket(
            name,
            Spec(
                region=settings.aws.region,
                rules=lifecycle(old_versions=30, expire=settings.watch.log_days),
                name=bucket_name(settings),
                key_arn=key.arn,
                versioned=True,
                access_logs=access_logs,
                statements=lambda arn: bucket_statements(settings, arn),
            ),
            kept(self),
        )
        log = aws.cloudwatch.LogGroup(
            name, name=LOG_GROUP, retention_in_days=settings.watch.log_days, kms_key_id=key.arn, opts=child
        )
        role = aws.iam.Role(f"{name}-log", assume_role_policy=document([_written_by_cloudtrail(settings)]), opts=child)
        writes = ["logs:CreateLogStream", "logs:PutLogEvents"]
        # The streams in it have names of CloudTrail's own making.
        streams = f"arn:aws:logs:{settings.aws.region}:{settings.aws.account}:log-group:{LOG_GROUP}:log-stream:*"
        permission = aws.iam.RolePolicy(
            f"{name}-log", role=role.name, policy=document([allow("Write", writes, [streams])]), opts=child
        )
        trail = aws.cloudtrail.Trail(
            name,
            name=NAME,
            s3_bucket_name=bucket.id,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            kms_key_id=key.arn,
            cloud_watch_logs_group_arn=pulumi.Output.concat(log.arn, ":*"),
            cloud_watch_logs_role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*bucket.ready, permission]),
        )
        self.arn = trail.arn
        _ring(settings, log, key, child)
        self.register_outputs({})


def _ring(settings: Settings, log: aws.cloudwatch.LogGroup, key: Key, opts: pulumi.ResourceOptions) -> None:
    topic = aws.sns.Topic("alarms", kms_master_key_id=key.arn, opts=opts)
    aws.sns.TopicSubscription("alarms", topic=topic.arn, protocol="email", endpoint=settings.watch.email, opts=opts)
    for alarm in ALARMS:
        aws.cloudwatch.LogMetricFilter(
            alarm.name,
            name=alarm.name,
            log_group_name=log.name,
            pattern=alarm.pattern,
            metric_transformation={"namespace": "Nuggetwise/Account", "name": alarm.name, "value": "1"},
            opts=opts,
        )
        aws.cloudwatch.MetricAlarm(
            alarm.name,
            alarm_description=alarm.description,
            namespace="Nuggetwise/Account",
            metric_name=alarm.name,
            statistic="Sum",
            period=300,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[topic.arn],
            opts=opts,
        )


def bucket_name(settings: Settings) -> str:
    return f"nuggetwise-trail-{settings.aws.account}"


def trail_arn(settings: Settings) -> str:
    return f"arn:aws:cloudtrail:{settings.aws.region}:{settings.aws.account}:trail/{NAME}"


def bucket_statements(settings: Settings, bucket: str) -> list[Statement]:
    """What lets this one trail write into its bucket.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
    """
    principal = {"Service": "cloudtrail.amazonaws.com"}
    ours = {"aws:SourceArn": trail_arn(settings)}
    written = f"{bucket}/AWSLogs/{settings.aws.account}/*"
    owned = {"StringEquals": {**ours, "s3:x-amz-acl": "bucket-owner-full-control"}}
    return [
        allow("TrailLooks", ["s3:GetBucketAcl"], [bucket], {"StringEquals": ours}) | {"Principal": principal},
        allow("TrailWrites", ["s3:PutObject"], [written], owned) | {"Principal": principal},
    ]


def key_statements(settings: Settings) -> list[Statement]:
    """What lets CloudTrail, its log group and its alarms use their key; in a key's own policy `*` is that key.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    trail, region, account = trail_arn(settings), settings.aws.region, settings.aws.account
    of_trail = {"StringEquals": {"aws:SourceArn": trail, "kms:EncryptionContext:aws:cloudtrail:arn": trail}}
    of_account = {"StringEquals": {"aws:SourceAccount": account}}
    return [
        allow("TrailSeals", ["kms:GenerateDataKey*"], "*", of_trail)
        | {"Principal": {"Service": "cloudtrail.amazonaws.com"}},
        # Decrypt, because the bucket seals with a key derived for itself.
        allow("TrailOpens", ["kms:Decrypt", "kms:DescribeKey"], "*", {"StringEquals": {"aws:SourceArn": trail}})
        | {"Principal": {"Service": "cloudtrail.amazonaws.com"}},
        policies.encrypts_logs(account, region),
        allow("AlarmsRing", ["kms:Decrypt", "kms:GenerateDataKey*"], "*", of_account)
        | {"Principal": {"Service": "cloudwatch.amazonaws.com"}},
    ]


def _written_by_cloudtrail(settings: Settings) -> Statement:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceArn": trail_arn(settings)}},
    }
