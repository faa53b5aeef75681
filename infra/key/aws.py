"""KMS keys: one for each kind of thing, so that access to one kind gives none to another."""

from collections.abc import Iterable

import pulumi
import pulumi_aws as aws

from infra import names
from infra.key import policies
from infra.settings import Settings

DELETION_WINDOW = 30  # days, the longest that KMS offers, in which a deletion can be taken back


class Key(pulumi.ComponentResource):
    """A symmetric key that KMS rotates every year, with the alias `alias/nuggetwise-<stack>-<purpose>`.

    With `replicated` it is a multi-Region key with a replica in the second region: what was encrypted in one can be
    decrypted in the other. With `outlives` it stays when the stack is destroyed, as what it encrypted stays.
    """

    id: pulumi.Output[str]
    arn: pulumi.Output[str]
    replica_arn: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        settings: Settings,
        purpose: str,
        opts: pulumi.ResourceOptions,
        *,
        statements: Iterable[policies.Statement] = (),
        replicated: bool = False,
        outlives: bool = False,
    ) -> None:
        super().__init__("nuggetwise:aws:Key", name, None, opts)
        place = settings.place
        policy = pulumi.Output.json_dumps(policies.document([policies.administered_by(place.account), *statements]))
        alias = f"alias/{names.of(settings, purpose)}"
        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=outlives)
        key = aws.kms.Key(
            name,
            description=f"{purpose} of {settings.name}",
            enable_key_rotation=True,
            multi_region=replicated,
            deletion_window_in_days=DELETION_WINDOW,
            policy=policy,
            opts=kept,
        )
        aws.kms.Alias(name, name=alias, target_key_id=key.key_id, opts=child)
        self.id, self.arn, self.replica_arn = key.key_id, key.arn, None
        if replicated:
            replica = aws.kms.ReplicaKey(
                f"{name}-copy",
                region=place.copy_region,
                primary_key_arn=key.arn,
                description=f"{purpose} of {settings.name}, replica",
                deletion_window_in_days=DELETION_WINDOW,
                policy=policy,
                opts=kept,
            )
            aws.kms.Alias(
                f"{name}-copy", region=place.copy_region, name=alias, target_key_id=replica.key_id, opts=child
            )
            self.replica_arn = replica.arn
        self.register_outputs({})


class Keys(pulumi.ComponentResource):
    """The keys of a stack.

    `data` encrypts the database and the cache, `secrets` what is in Secrets Manager, `backups` the backups' buckets,
    `logs` log groups and alarm topics. `data` and `backups` outlive the stack, since final snapshot and backups do.
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
        self.data = Key(f"{name}-data", settings, "data", protected, outlives=True)
        self.secrets = Key(f"{name}-secrets", settings, "secrets", protected, replicated=True)
        self.backups = Key(f"{name}-backups", settings, "backups", protected, replicated=True, outlives=True)
        self.logs = Key(
            f"{name}-logs",
            settings,
            "logs",
            child,
            statements=[
                policies.encrypts_logs(place.account, place.region),
                *policies.encrypts_topics(place.account),
            ],
        )
        self.register_outputs({})
