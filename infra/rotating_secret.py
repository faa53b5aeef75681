"""A secret that can be replaced while the value before it is still accepted."""

import secrets
from collections.abc import Callable
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from infra.settings import Rotation

# Not None: the engine leaves that out of the state when it refreshes, and a preview then takes it for not known yet.
NONE = ""


def accepted(value: str, previous: str) -> str:
    """What the API accepts, the value that it uses first: `new,old` during a rotation, `new` otherwise."""
    return f"{value},{previous}" if previous else value


class RotatingSecretProvider(ResourceProvider):
    serialize_as_secret_always = False  # the provider itself holds no secret; only `value` and `previous` do

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(secrets.token_hex(8), {**props, "value": secrets.token_hex(32), "previous": NONE})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=_is_higher(olds, news) or olds["retired"] != news["retired"])

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        if _is_higher(olds, news):
            # Never retired by the update that replaces it, whatever is asked for: the next one does that.
            return UpdateResult({**news, "retired": False, "value": secrets.token_hex(32), "previous": olds["value"]})
        # The highest number stays: a setting that went back and forth is no reason for a new value.
        kept = {"rotation": olds["rotation"], "value": olds["value"]}
        return UpdateResult({**news, **kept, "previous": NONE if news["retired"] else olds["previous"]})


def _is_higher(olds: dict[str, Any], news: dict[str, Any]) -> bool:
    return news["rotation"] > olds["rotation"]


class RotatingSecret(Resource, name="RotatingSecret"):
    """256 random bits as 64 hexadecimal digits: safe in a URL, a connection string and a shell.

    A higher number of `rotation` makes a new `value` and keeps the one before as `previous`, until that is retired.
    """

    value: pulumi.Output[str]
    previous: pulumi.Output[str]

    def __init__(self, name: str, rotation: Rotation, opts: pulumi.ResourceOptions | None = None) -> None:
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["value", "previous"])
        super().__init__(
            RotatingSecretProvider(),
            name,
            {"rotation": rotation.number, "retired": rotation.is_retired, "value": None, "previous": None},
            pulumi.ResourceOptions.merge(opts, hidden),
        )

    def accepted(self, form: Callable[[str], str] = str) -> pulumi.Output[str]:
        """`accepted` of both values, each in the form that the API reads."""

        def both(values: list[Any]) -> str:
            value, previous = values
            return accepted(form(value), form(previous) if previous else NONE)

        return pulumi.Output.all(self.value, self.previous).apply(both)
