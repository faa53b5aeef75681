"""A secret that is made once per stack and lives, encrypted, in its state."""

import secrets
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class GeneratedSecretProvider(ResourceProvider):
    serialize_as_secret_always = False  # the provider itself holds no secret; only `value` does

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=secrets.token_hex(8), outs={"value": secrets.token_hex(32)})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=False)


class GeneratedSecret(Resource, name="GeneratedSecret"):
    """256 random bits as 64 hexadecimal digits: safe in a URL, a connection string and a shell.

    To rotate one: `pulumi up --replace <its URN>`.
    """

    value: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["value"]))
        super().__init__(GeneratedSecretProvider(), name, {"value": None}, options)
