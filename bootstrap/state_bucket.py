"""Where the stacks' state is kept, and the key that seals the secrets in it."""

import pulumi
import pulumi_aws as aws

from bootstrap.bucket import kept, lifecycle
from bootstrap.key import own_key
from bootstrap.policy import allow, document
from bootstrap.settings import Settings
from infra.bucket.aws import Bucket, Spec

# How far back a stack's state can be taken. Pulumi writes an object with each step, so versions are many, and small.
KEPT_DAYS = 90


class StateBucket(pulumi.ComponentResource):
    """The backend of `pulumi login`, its copy in the second region, and the multi-Region key of both.

    The key also encrypts the secrets inside the state (`secrets_provider`), so that state and secrets are to be had
    with the second region alone. Pulumi locks a stack with an object beside its state, which takes no table of its own.
    """

    bucket: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    copy_key_arn: pulumi.Output[str]
    secrets_provider: str
    login: str

    def __init__(
        self,
        name: str,
        settings: Settings,
        access_logs: pulumi.Input[str],
        copy_access_logs: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:bootstrap:StateBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = own_key("pulumi", settings, "State of the stacks and the secrets in it", child, copied=True)
        assert key.replica_arn is not None  # it was asked for
        home, away = settings.aws.region, settings.aws.copy_region
        state = _bucket(name, bucket_name(settings), home, key.arn, access_logs, self)
        copy = _bucket(f"{name}-copy", copy_name(settings), away, key.replica_arn, copy_access_logs, self)
        _replicate(name, settings, state, copy, key.arn, key.replica_arn, child)
        self.bucket = state.id
        self.key_arn = key.arn
        self.copy_key_arn = key.replica_arn
        self.secrets_provider = f"awskms://alias/nuggetwise-pulumi?region={settings.aws.region}"
        self.login = f"s3://{bucket_name(settings)}?region={settings.aws.region}&awssdk=v2"
        self.register_outputs({})


def bucket_name(settings: Settings) -> str:
    """Names of buckets are shared by all of AWS's customers; the account's number makes it ours."""
    return f"nuggetwise-state-{settings.aws.account}"


def copy_name(settings: Settings) -> str:
    return f"nuggetwise-state-copy-{settings.aws.account}"


def _bucket(
    name: str,
    bucket: str,
    region: str,
    key_arn: pulumi.Output[str],
    access_logs: pulumi.Input[str],
    parent: pulumi.Resource,
) -> Bucket:
    rules = lifecycle(old_versions=KEPT_DAYS)
    spec = Spec(region=region, rules=rules, name=bucket, key_arn=key_arn, versioned=True, access_logs=access_logs)
    return Bucket(name, spec, kept(parent))


def _replicate(
    name: str,
    settings: Settings,
    source: Bucket,
    copy: Bucket,
    key_arn: pulumi.Output[str],
    copy_key_arn: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> None:
    role = aws.iam.Role(f"{name}-copier", assume_role_policy=document([_copied_by_s3(settings)]), opts=opts)
    permission = aws.iam.RolePolicy(
        f"{name}-copier",
        role=role.name,
        policy=pulumi.Output.all(source.arn, copy.arn, key_arn, copy_key_arn).apply(
            lambda arns: replication_policy(settings, *arns)
        ),
        opts=opts,
    )
    aws.s3.BucketReplicationConfig(
        name,
        bucket=source.id,
        role=role.arn,
        rules=[
            {
                "id": "everything",
                "status": "Enabled",
                "priority": 0,
                "filter": {},
                # Locks are released by deleting them; a copy that kept them would be locked for good.
                "delete_marker_replication": {"status": "Enabled"},
                "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                "destination": {
                    "bucket": copy.arn,
                    "encryption_configuration": {"replica_kms_key_id": copy_key_arn},
                },
            }
        ],
        opts=pulumi.ResourceOptions(parent=opts.parent, depends_on=[*source.ready, *copy.ready, permission]),
    )


def replication_policy(settings: Settings, source: str, copy: str, key: str, copy_key: str) -> str:
    """What S3 needs to copy encrypted objects.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
    """
    read = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
    write = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
    return document(
        [
            allow("Source", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [source]),
            allow("Read", read, [f"{source}/*"]),
            allow("Write", write, [f"{copy}/*"]),
            allow("Open", ["kms:Decrypt"], [key], _through_s3(settings.aws.region)),
            allow("Seal", ["kms:Encrypt", "kms:GenerateDataKey"], [copy_key], _through_s3(settings.aws.copy_region)),
        ]
    )


def _through_s3(region: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}


def _copied_by_s3(settings: Settings) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": settings.aws.account}},
    }
