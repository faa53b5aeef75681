"""The jobs that run by the clock, and what each may do at AWS: plain data and functions."""

from dataclasses import dataclass
from typing import Any

from infra.alarms.table import BACKUPS

PREFIX = "database/"
"""Where in the bucket the backups of the database are."""


@dataclass(frozen=True)
class Job:
    """A task of the ops image. `cron` is in UTC; `size` is CPU units and MiB."""

    name: str
    cron: str
    size: tuple[int, int]
    reads_backups: bool = False
    writes_backups: bool = False

    @property
    def command(self) -> list[str]:
        """What the container runs."""
        return ["python3", "-m", "jobs", self.name]


# Upkeep comes before the backup, whose dump would hold up the detaching of a partition. None begins while RDS makes its
# snapshot (01:00) or changes its software (Sunday 03:00): infra/database/aws.py.
JOBS = (
    Job("upkeep", "cron(15 2 * * ? *)", (256, 512)),
    Job("backup", "cron(15 4 * * ? *)", (1024, 2048), reads_backups=True, writes_backups=True),
    Job("restore-test", "cron(15 6 ? * SUN *)", (1024, 2048), reads_backups=True),
)


def may_use_objects(job: Job, bucket_arn: str) -> dict[str, Any]:
    """The backups it may read or write. None may delete one: the bucket's lifecycle does that, by their tags."""
    reads = ["s3:GetObject", "s3:GetObjectTagging"]
    writes = ["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload"]
    actions = [*(reads if job.reads_backups else ()), *(writes if job.writes_backups else ())]
    return {"Effect": "Allow", "Action": actions, "Resource": f"{bucket_arn}/{PREFIX}*"}


def may_list(bucket_arn: str) -> dict[str, Any]:
    """The names of the backups, and of nothing else in the bucket."""
    return {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": bucket_arn,
        "Condition": {"StringLike": {"s3:prefix": f"{PREFIX}*"}},
    }


def may_use_key(job: Job, key_arn: str, region: str) -> dict[str, Any]:
    """The backups' key, through S3 only. An upload in parts decrypts too.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
    """
    return {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", *(["kms:GenerateDataKey"] if job.writes_backups else [])],
        "Resource": key_arn,
        "Condition": {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
    }


def may_report() -> dict[str, Any]:
    """Metrics of backups. The action knows no resource, so the namespace is what bounds it.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
    """
    return {
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": BACKUPS}},
    }
