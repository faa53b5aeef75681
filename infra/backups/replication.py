"""Who copies backups to the second region: plain functions of names."""

from dataclasses import dataclass
from typing import Any

from infra.policy import assumed_by, document


@dataclass(frozen=True)
class Side:
    """A bucket, its region, and the key that encrypts it there."""

    bucket: str
    region: str
    key_arn: str

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}"


def trust(account: str, source: str) -> dict[str, Any]:
    """Lets S3 act for the bucket `source` of this account."""
    return assumed_by(
        "s3.amazonaws.com",
        {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
        },
    )


def permissions(source: Side, copy: Side) -> dict[str, Any]:
    """What copying takes: read versions with their tags and locks here, write them there. Nothing is deleted there.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
    """
    return document(
        [
            {
                "Effect": "Allow",
                "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
                "Resource": source.arn,
            },
            {
                "Effect": "Allow",
                "Action": [
                    "s3:GetObjectLegalHold",
                    "s3:GetObjectRetention",
                    "s3:GetObjectVersionAcl",
                    "s3:GetObjectVersionForReplication",
                    "s3:GetObjectVersionTagging",
                ],
                "Resource": f"{source.arn}/*",
            },
            {
                "Effect": "Allow",
                "Action": ["s3:ReplicateObject", "s3:ReplicateTags"],
                "Resource": f"{copy.arn}/*",
            },
            _through_s3(["kms:Decrypt"], source),
            _through_s3(["kms:Encrypt", "kms:GenerateDataKey"], copy),
        ]
    )


def _through_s3(actions: list[str], side: Side) -> dict[str, Any]:
    """Use of a side's key by S3 alone, for that bucket alone (with a bucket key, the bucket is the context)."""
    return {
        "Effect": "Allow",
        "Action": actions,
        "Resource": side.key_arn,
        "Condition": {
            "StringEquals": {"kms:ViaService": f"s3.{side.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [side.arn, f"{side.arn}/*"]},
        },
    }
