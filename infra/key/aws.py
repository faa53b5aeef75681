"""KMS keys: one for each kind of thing, so that access to one kind gives none to another."""

from collections.abc import Iterable

import pulumi
import pulumi_aws as aws

from infra import names
from infra.key import policies
from infra.policy import Statement, document
from infra.settings import Settings

DELETION_WINDOW = 30  # days, the longest that KMS offers, in which a deletion can be taken back


class Key(pulumi.ComponentResource):
    """A symmetric key that KMS rotates every year, found by `alias/<alias>`, in `region` or the provider's own.

    With `copy_region` it is a multi-Region key with a replica there, under the same alias: what was encrypted in one
    can be decrypted in the other. With `outlives` it stays when the stack is destroyed, as what it encrypted stays.
    """

    id: pulumi.Output[str]
    arn: pulumi.Output[str]
    replica_arn: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        alias: str,
        description: str,
        account: str,
        opts: pulumi.ResourceOptions,
        *,
        statements: Iterable[Statement] = (),
        region: str | None = None,
        copy_region: str | None = None,
        outlives: bool = False,
    ) -> None:
        super().__init__("nuggetwise:aws:Key", name, None, opts)
        policy = pulumi.Output.json_dumps(document([policies.administered_by(account), *statements]))
        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=outlives)
        key = aws.kms.Key(
            name,
            region=region,
            description=description,
            enable_key_rotation=True,
            multi_region=copy_region is not None,
            deletion_window_in_days=DELETION_WINDOW,
            policy=policy,
            opts=kept,
        )
        aws.kms.Alias(name, region=region, name=f"alias/{alias}", target_key_id=key.key_id, opts=child)
        self.id, self.arn, self.replica_arn = key.key_id, key.arn, None
        if copy_region:
            replica = aws.kms.ReplicaKey(
                f"{name}-copy",
                region=copy_region,
                primary_key_arn=key.arn,
                description=f"{description}, replica",
                deletion_window_in_days=DELETION_WINDOW,
                policy=policy,
                opts=kept,
            )
            aws.kms.Alias(
                f"{name}-copy", region=copy_region, name=f"alias/{alias}", target_key_id=replica.key_id, opts=child
            )
            self.replica_arn = replica.arn
        self.register_outputs({})


class Keys(pulumi.ComponentResource):
    """The keys of a stack.

    `data` encrypts the database and the cache, `secrets` what is in Secrets Manager, `backups` the backups' buckets and
    the identity that opens what is in them, `logs` log groups and alarm topics. `data` and `backups` outlive the stack,
    since final snapshot and backups do.
    """

    data: Key
    secrets: Key
    backups: Key
    logs: Key

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Keys", name, None, opts)
        place = settings.place
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=settings.protect)

        def identity(purpose: str) -> tuple[str, str, str, str]:
            return f"{name}-{purpose}", names.of(settings, purpose), f"{purpose} of {settings.name}", place.account

        self.data = Key(*identity("data"), protected, outlives=True)
        self.secrets = Key(*identity("secrets"), protected, copy_region=place.copy_region)
        self.backups = Key(*identity("backups"), protected, copy_region=place.copy_region, outlives=True)
        self.logs = Key(
            *identity("logs"),
            child,
            statements=[
                policies.encrypts_logs(place.account, place.region),
                *policies.encrypts_topics(place.account),
            ],
        )
        self.register_outputs({})
