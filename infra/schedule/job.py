"""The jobs of the ops image, and what each may do at AWS: plain data and functions."""

from dataclasses import dataclass
from typing import Any

from infra.alarms.table import BACKUPS
from infra.schedule.variables import PREFIX


@dataclass(frozen=True)
class Job:
    """A task of the ops image. `size` is CPU units and MiB; `cron` is in UTC, and without it only people start it."""

    name: str
    size: tuple[int, int]
    cron: str | None = None
    reads_backups: bool = False
    writes_backups: bool = False
    marks_backups: bool = False

    @property
    def command(self) -> list[str]:
        """What the container runs."""
        return ["python3", "-m", "jobs", self.name]

    @property
    def reports(self) -> bool:
        """Whether alarms go by what it says: a job by hand says all to whoever runs it."""
        return self.reads_backups and self.cron is not None


# Upkeep comes before the backup, whose dump would hold up the detaching of a partition. None begins while RDS makes its
# snapshot (01:00) or changes its software (Sunday 03:00): infra/database/aws.py.
JOBS = (
    Job("upkeep", (256, 512), "cron(15 2 * * ? *)"),
    Job("backup", (2048, 4096), "cron(15 4 * * ? *)", reads_backups=True, writes_backups=True),
    Job("restore-test", (2048, 4096), "cron(15 6 ? * SUN *)", reads_backups=True, marks_backups=True),
)
RESTORE = Job("restore", (2048, 4096), reads_backups=True)

# What a restore test puts beside a backup: that it passed, that it now is good, or why it is not (jobs/backup.py).
MARKS = ("tested-*.json", "verified.json", "broken.json")


def may_use_objects(job: Job, bucket_arn: str) -> dict[str, Any]:
    """The backups it may read or write. None may delete one: the bucket's lifecycle does that, by their tags."""
    reads = ["s3:GetObject", "s3:GetObjectTagging"]
    writes = ["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload"]
    actions = [*(reads if job.reads_backups else ()), *(writes if job.writes_backups else ())]
    return {"Effect": "Allow", "Action": actions, "Resource": f"{bucket_arn}/{PREFIX}*"}


def may_mark(bucket_arn: str) -> dict[str, Any]:
    """Saying what a restore test found, and writing nothing else."""
    return {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": [f"{bucket_arn}/{PREFIX}*/{mark}" for mark in MARKS],
    }


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
    writes = job.writes_backups or job.marks_backups
    return {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", *(["kms:GenerateDataKey"] if writes else [])],
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
