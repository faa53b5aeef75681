"""A secret in Secrets Manager, which a task reads by its ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from infra.key.aws import Keys
    from infra.settings import Settings

RECOVERY_WINDOW = 30  # days, the longest that Secrets Manager offers, in which a deletion can be taken back


class Secret(pulumi.ComponentResource):
    """One value, encrypted with the stack's own key and copied to the second region.

    With `outlives` it stays when the stack is destroyed, and so it is encrypted with the key that does: the backups'.

    `arn` is what an IAM policy names. `reference` names this very value, for a container's `valueFrom`: another value
    is another reference, so that a rotation starts new tasks, and older ones that restart keep the value they had.
    """

    arn: pulumi.Output[str]
    reference: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        keys: Keys,
        value: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
        *,
        outlives: bool = False,
    ) -> None:
        super().__init__("nuggetwise:aws:Secret", name, None, opts)
        key = keys.backups if outlives else keys.secrets
        # Said on each child, as infra/bucket/aws.py does.
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=outlives)
        secret = aws.secretsmanager.Secret(
            name,
            kms_key_id=key.arn,
            recovery_window_in_days=RECOVERY_WINDOW,
            replicas=[{"region": settings.place.copy_region, "kms_key_id": key.replica_arn}],
            opts=child,
        )
        version = aws.secretsmanager.SecretVersion(
            name,
            secret_id=secret.arn,
            secret_string=pulumi.Output.secret(value),
            # Another value is another version, which protection of the one before would refuse.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=outlives, protect=False),
        )
        self.arn = secret.arn
        # <arn>:<json key>:<version stage>:<version id>
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
        self.reference = pulumi.Output.concat(secret.arn, ":::", version.version_id)
        self.register_outputs({})
