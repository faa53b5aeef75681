"""What the buckets of the bootstrap stack have in common."""

import pulumi

from bootstrap.settings import Settings
from infra.bucket import policies
from infra.bucket.aws import Bucket, Rule, Spec
from infra.policy import Statement


def kept(parent: pulumi.Resource) -> pulumi.ResourceOptions:
    """For a bucket that neither `up` nor `destroy` removes."""
    return pulumi.ResourceOptions(parent=parent, protect=True)


def lifecycle(*, old_versions: int, expire: int | None = None) -> list[Rule]:
    """Days after which S3 deletes what was replaced or deleted, and, with `expire`, everything."""
    return [
        {
            "id": "old-versions",
            "status": "Enabled",
            "filter": {},
            "noncurrent_version_expiration": {"noncurrent_days": old_versions},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            "expiration": {"days": expire} if expire else {"expired_object_delete_marker": True},
        }
    ]


def access_logs(name: str, bucket_name: str, region: str, settings: Settings, opts: pulumi.ResourceOptions) -> Bucket:
    """Where the other buckets of one region write who asked them for what. S3 cannot do that with a key of our own.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    account = settings.aws.account

    def statements(arn: str) -> list[Statement]:
        return [policies.receives_access_logs(arn, account, f"nuggetwise-*-{account}")]

    spec = Spec(
        region=region,
        rules=lifecycle(old_versions=30, expire=365),
        name=bucket_name,
        versioned=True,
        statements=statements,
    )
    return Bucket(name, spec, opts)
