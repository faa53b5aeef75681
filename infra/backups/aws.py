"""The backups' bucket in S3 and its copy in the second region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra.age_key import AgeKey, openers
from infra.backups import replication
from infra.bucket import policies
from infra.bucket.aws import Bucket, Rule, Spec
from infra.secret.aws import Secret

if TYPE_CHECKING:
    from infra.key.aws import Keys
    from infra.settings import Settings

LOCK_DAYS = 30

# The tag that the daily job puts on a backup that is over 30 days old, once there is a newer good one.
SUPERSEDED = ("superseded", "true")


def rules() -> list[Rule]:
    """What goes by itself: backups that are tagged so, and what they leave behind. The last good one is never tagged.

    A version that is no longer current stays a day longer than the lock of one that was made just before.
    """
    key, value = SUPERSEDED
    return [
        {
            "id": "superseded",
            "status": "Enabled",
            "filter": {"tag": {"key": key, "value": value}},
            "expiration": {"days": LOCK_DAYS},
        },
        {
            "id": "leftovers",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "expiration": {"expired_object_delete_marker": True},
            "noncurrent_version_expiration": {"noncurrent_days": LOCK_DAYS + 1},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 2},
        },
    ]


def log_rules(days: int) -> list[Rule]:
    """Access logs are kept as long as all others."""
    return [{"id": "old", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": days}}]


class Backups(pulumi.ComponentResource):
    """Two buckets that nobody deletes from for 30 days: the second follows the first, in another region.

    What is in them is encrypted once more, to `recipient`; the secret `identity` opens it. All of that, the keys and
    what protects them stay when the stack is destroyed. A stack that is built anew takes the buckets over with `pulumi
    import`, and what opens them with the setting `backups.earlier_identities`.
    """

    bucket: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    copy_bucket: pulumi.Output[str]
    copy_bucket_arn: pulumi.Output[str]
    recipient: pulumi.Output[str]
    identity: Secret

    def __init__(self, name: str, settings: Settings, keys: Keys, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Backups", name, None, opts)
        place, copy_name = settings.place, settings.backups.copy_bucket
        assert copy_name is not None
        assert keys.backups.replica_arn is not None
        source = self._bucket(name, settings, settings.backups.bucket, place.region, keys.backups.arn)
        copy = self._bucket(f"{name}-copy", settings, copy_name, place.copy_region, keys.backups.replica_arn)
        self._replicate(name, settings, keys, source, copy)
        self.bucket, self.bucket_arn = source.id, source.arn
        self.copy_bucket, self.copy_bucket_arn = copy.id, copy.arn
        kept = pulumi.ResourceOptions(parent=self, protect=settings.protect)
        pair = AgeKey("backup-key", kept)
        self.recipient = pair.recipient
        opening = openers(pair.identity, settings.backups.earlier_identities)
        self.identity = Secret("backup-identity", settings, keys, opening, kept, outlives=True)
        self.register_outputs({})

    def _bucket(self, name: str, settings: Settings, bucket: str, region: str, key_arn: pulumi.Output[str]) -> Bucket:
        account = settings.place.account
        child = pulumi.ResourceOptions(parent=self, protect=settings.protect)
        logs = Bucket(
            f"{name}-logs",
            # S3 writes access logs only to a bucket of the same region that its own key encrypts.
            Spec(
                region,
                log_rules(settings.watch.log_days),
                statements=lambda arn: [policies.receives_access_logs(arn, account, bucket)],
            ),
            child,
        )
        return Bucket(
            name,
            Spec(
                region,
                rules(),
                name=bucket,
                key_arn=key_arn,
                versioned=True,
                lock_days=LOCK_DAYS,
                access_logs=logs.id,
            ),
            child,
        )

    def _replicate(self, name: str, settings: Settings, keys: Keys, source: Bucket, copy: Bucket) -> None:
        account, region, copy_region = settings.place.account, settings.place.region, settings.place.copy_region
        assert keys.backups.replica_arn is not None
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True, protect=settings.protect)

        def permissions(known: list[Any]) -> str:
            here, there = (
                replication.Side(known[0], region, known[1]),
                replication.Side(known[2], copy_region, known[3]),
            )
            return json.dumps(replication.permissions(here, there))

        role = aws.iam.Role(
            f"{name}-replication",
            assume_role_policy=json.dumps(replication.trust(account, settings.backups.bucket)),
            opts=kept,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-replication",
            role=role.name,
            policy=pulumi.Output.all(source.id, keys.backups.arn, copy.id, keys.backups.replica_arn).apply(permissions),
            opts=kept,
        )
        aws.s3.BucketReplicationConfig(
            name,
            region=region,
            bucket=source.id,
            role=role.arn,
            rules=[
                {
                    "id": "all",
                    "status": "Enabled",
                    "priority": 1,
                    "filter": {"prefix": ""},
                    "delete_marker_replication": {"status": "Disabled"},
                    "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                    "destination": {
                        "bucket": copy.arn,
                        "storage_class": "STANDARD_IA",
                        "encryption_configuration": {"replica_kms_key_id": keys.backups.replica_arn},
                        "metrics": {"status": "Enabled"},
                    },
                }
            ],
            opts=pulumi.ResourceOptions.merge(
                kept, pulumi.ResourceOptions(depends_on=[*source.ready, *copy.ready, policy])
            ),
        )
