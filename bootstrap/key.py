"""Encryption keys of our own."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from bootstrap.policy import Statement, document
from bootstrap.settings import Settings
from infra.key import policies


class Key(pulumi.ComponentResource):
    """A symmetric KMS key that AWS renews every year, found by the alias `alias/nuggetwise-<purpose>`.

    With `copied` it has a replica and the same alias in the second region, and either opens what the other sealed.
    """

    arn: pulumi.Output[str]
    replica_arn: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        settings: Settings,
        description: str,
        statements: Sequence[Statement],
        opts: pulumi.ResourceOptions,
        *,
        copied: bool = False,
    ) -> None:
        super().__init__("nuggetwise:bootstrap:Key", name, None, opts)
        # What such a key has sealed is lost with it, so `destroy` refuses, and forgets rather than deletes it.
        kept = pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True)
        policy = document([policies.administered_by(settings.aws.account), *statements])
        key = aws.kms.Key(
            name,
            description=description,
            enable_key_rotation=True,
            deletion_window_in_days=30,
            multi_region=copied,
            policy=policy,
            opts=kept,
        )
        alias = f"alias/nuggetwise-{name}"
        aws.kms.Alias(name, name=alias, target_key_id=key.key_id, opts=pulumi.ResourceOptions(parent=self))
        self.arn = key.arn
        self.replica_arn = None
        if copied:
            replica = aws.kms.ReplicaKey(
                f"{name}-copy",
                description=description,
                primary_key_arn=key.arn,
                deletion_window_in_days=30,
                policy=policy,
                region=settings.aws.copy_region,
                opts=kept,
            )
            aws.kms.Alias(
                f"{name}-copy",
                name=alias,
                target_key_id=replica.key_id,
                region=settings.aws.copy_region,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.replica_arn = replica.arn
        self.register_outputs({})
