"""The bootstrap stack's encryption keys."""

from collections.abc import Sequence

import pulumi

from bootstrap.settings import Settings
from infra.key.aws import Key
from infra.policy import Statement


def own_key(
    name: str,
    settings: Settings,
    description: str,
    opts: pulumi.ResourceOptions,
    statements: Sequence[Statement] = (),
    *,
    copied: bool = False,
) -> Key:
    """A key with the alias `alias/nuggetwise-<name>`, with a replica in the second region if `copied`.

    What such a key has sealed is lost with it, so `destroy` refuses, and forgets rather than deletes it.
    """
    return Key(
        name,
        f"nuggetwise-{name}",
        description,
        settings.aws.account,
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=True)),
        statements=statements,
        copy_region=settings.aws.copy_region if copied else None,
        outlives=True,
    )
