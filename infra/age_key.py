"""The key pair that backups are encrypted with, in age's own form (X25519)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

if TYPE_CHECKING:
    from pydantic import SecretStr

FOLDER = "backup-keys"


class AgeKeyProvider(ResourceProvider):
    serialize_as_secret_always = False  # the provider itself holds no secret; only `identity` does

    def create(self, props: dict[str, Any]) -> CreateResult:
        file = file_of(props["keep_as"])
        made = pair(file.read_text().strip() if file and file.exists() else None)
        if file:
            keep(file, made["identity"])
        return CreateResult(secrets.token_hex(8), {**props, **made})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=False)


def pair(identity: str | None = None) -> dict[str, str]:
    """The identity, or a new one, and the recipient that is encrypted to. Raises pyrage.IdentityError."""
    # Imported by the providers' own process alone: each preview would wait for it.
    from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue] # compiled, and without types

    made = x25519.Identity.from_str(identity) if identity else x25519.Identity.generate()
    return {"identity": str(made), "recipient": str(made.to_public())}


def file_of(name: str) -> Path | None:
    """Where an identity is kept besides the state: beside the passphrase that opens it, where that is in a file."""
    passphrase = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    return Path(passphrase).parent / FOLDER / name if name and passphrase else None


def keep(file: Path, identity: str) -> None:
    """Writes an identity down for its owner alone, whole or not at all."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    half = file.with_suffix(".new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(f"{identity}\n")
    half.replace(file)


def openers(identity: pulumi.Output[str], earlier: SecretStr | None) -> pulumi.Output[str]:
    """All identities that a restore tries, by white space: the stack's own, and those of the stacks before it."""
    if earlier is None:
        return identity
    return pulumi.Output.concat(identity, " ", pulumi.Output.secret(earlier.get_secret_value()))


class AgeKey(Resource, name="AgeKey"):
    """`recipient` (age1…) is public, `identity` (AGE-SECRET-KEY-1…) is the one thing that opens what it encrypted.

    A pair stays for good. With `keep_as` its identity is in a file of that name too, by which a stack whose state was
    lost opens its backups.
    """

    recipient: pulumi.Output[str]
    identity: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, *, keep_as: str = "") -> None:
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["identity"])
        props = {"keep_as": keep_as, "recipient": None, "identity": None}
        super().__init__(AgeKeyProvider(), name, props, pulumi.ResourceOptions.merge(opts, hidden))
