"""What a bucket refuses and accepts, whatever IAM says: plain functions of its ARN."""

from collections.abc import Sequence
from typing import Any

from infra import policy
from infra.policy import Statement


def document(arn: str, statements: Sequence[Statement]) -> dict[str, Any]:
    """The policy of a bucket: these statements, and no connection without TLS 1.2."""
    return policy.document([*_modern_tls_only(arn), *statements])


def _modern_tls_only(arn: str) -> list[Statement]:
    refused = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    return [
        {"Sid": "NoPlainHttp", **refused, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Sid": "NoOldTls", **refused, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
    ]


def receives_access_logs(arn: str, account: str, source: str) -> Statement:
    """Lets S3 write down who accessed the bucket `source` of this account.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    return {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{arn}/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
            "StringEquals": {"aws:SourceAccount": account},
        },
    }
