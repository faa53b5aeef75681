"""A bucket that is closed to everyone but those whom IAM lets in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from infra.bucket import policies
from infra.policy import Statement

Rule = aws.s3.BucketLifecycleConfigurationRuleArgsDict


def no_statements(_arn: str) -> list[Statement]:
    return []


@dataclass(frozen=True)
class Spec:
    """What one bucket differs in from another.

    Without `name` the engine gives it one, and without `key_arn` S3's own key encrypts it. `statements` are those of
    its policy, by its ARN. For `lock_days` nobody deletes a version, save who may bypass governance.
    """

    region: str
    rules: Sequence[Rule]
    name: str | None = None
    key_arn: pulumi.Input[str] | None = None
    versioned: bool = False
    lock_days: int | None = None
    access_logs: pulumi.Input[str] | None = None
    statements: Callable[[str], list[Statement]] = field(default=no_statements)


class Bucket(pulumi.ComponentResource):
    """A bucket that stays, with all that protects it, when the stack is destroyed.

    `ready` is what has to be there before another bucket may replicate to it or from it.
    """

    id: pulumi.Output[str]
    arn: pulumi.Output[str]
    ready: list[pulumi.Resource]

    def __init__(self, name: str, spec: Spec, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Bucket", name, None, opts)
        # Said on each child: without its policy or its lifecycle, the bucket that stays would be another one.
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        bucket = aws.s3.Bucket(
            name, region=spec.region, bucket=spec.name, object_lock_enabled=spec.lock_days is not None, opts=child
        )
        self.id, self.arn, self.ready = bucket.id, bucket.arn, []
        self._close(name, spec, bucket, child)
        self._encrypt(name, spec, bucket, child)
        if spec.versioned:
            versioning = aws.s3.BucketVersioning(
                name,
                region=spec.region,
                bucket=bucket.id,
                versioning_configuration={"status": "Enabled"},
                opts=child,
            )
            self.ready.append(versioning)
        versions_first = pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=self.ready)
        if spec.lock_days is not None:
            aws.s3.BucketObjectLockConfiguration(
                name,
                region=spec.region,
                bucket=bucket.id,
                rule={"default_retention": {"mode": "GOVERNANCE", "days": spec.lock_days}},
                opts=versions_first,
            )
        aws.s3.BucketLifecycleConfiguration(
            name, region=spec.region, bucket=bucket.id, rules=list(spec.rules), opts=versions_first
        )
        if spec.access_logs is not None:
            aws.s3.BucketLogging(
                name,
                region=spec.region,
                bucket=bucket.id,
                target_bucket=spec.access_logs,
                target_prefix=f"{name}/",
                opts=child,
            )
        self.register_outputs({})

    def _close(self, name: str, spec: Spec, bucket: aws.s3.Bucket, child: pulumi.ResourceOptions) -> None:
        block = aws.s3.BucketPublicAccessBlock(
            name,
            region=spec.region,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        ownership = aws.s3.BucketOwnershipControls(
            name, region=spec.region, bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
        )
        # S3 refuses one of two such changes that arrive together.
        one_by_one = pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=[block, ownership])
        policy = aws.s3.BucketPolicy(
            name,
            region=spec.region,
            bucket=bucket.id,
            policy=bucket.arn.apply(lambda arn: json.dumps(policies.document(arn, spec.statements(arn)))),
            opts=one_by_one,
        )
        self.ready.append(policy)

    def _encrypt(self, name: str, spec: Spec, bucket: aws.s3.Bucket, child: pulumi.ResourceOptions) -> None:
        own_key = spec.key_arn is not None
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            region=spec.region,
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms" if own_key else "AES256",
                        "kms_master_key_id": spec.key_arn,
                    },
                    # Nobody can write what only their own key reads. S3 sets it by itself since 2026, so left out it
                    # would show as a change.
                    "blocked_encryption_types": ["SSE-C"],
                    # One request to KMS for many objects.
                    "bucket_key_enabled": own_key,
                }
            ],
            opts=child,
        )
