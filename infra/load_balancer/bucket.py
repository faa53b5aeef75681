"""The load balancer's own bucket: what it wrote, and whom it trusts."""

import pulumi

from infra.bucket.aws import Bucket, Spec
from infra.policy import Statement
from infra.settings import Settings

LOGS, TRUST = "access", "trust"


def receives_logs(bucket_arn: str, account: str) -> Statement:
    """Lets load balancers of this account write their access logs, and nothing else.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    return {
        "Sid": "LoadBalancerLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{bucket_arn}/{LOGS}/AWSLogs/{account}/*",
    }


def create(name: str, settings: Settings, opts: pulumi.ResourceOptions) -> Bucket:
    """A bucket for access logs, kept as long as other logs, and for the authority of clients' certificates.

    Encrypted with S3's own key, since load balancers write with no other. Access to it is not logged: that would be
    logs about logs.
    """
    account = settings.place.account
    return Bucket(
        name,
        Spec(
            settings.place.region,
            [
                {
                    "id": "logs",
                    "status": "Enabled",
                    "filter": {"prefix": f"{LOGS}/"},
                    "expiration": {"days": settings.watch.log_days},
                },
                {
                    "id": "leftovers",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": 1},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                },
            ],
            # By its version the trust store sees that the authority is another one.
            versioned=True,
            statements=lambda arn: [receives_logs(arn, account)],
        ),
        opts,
    )
