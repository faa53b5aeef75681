"""What the clouds themselves fill in when a resource is made: ids, ARNs, addresses."""

from collections.abc import Mapping
from typing import Any

from rehearsal import names
from rehearsal.cloud import Cloud
from rehearsal.computed import aws, cloudflare, vercel
from rehearsal.computed.shape import Fields, Place, Shape
from rehearsal.schema import Type

SHAPES: Mapping[str, Mapping[str, Shape]] = {
    "aws": aws.SHAPES,
    "cloudflare": cloudflare.SHAPES,
    "vercel": vercel.SHAPES,
}
COMMON = {"aws": aws.common, "cloudflare": cloudflare.common, "vercel": vercel.common}


def of(kind: Type, inputs: Mapping[str, Any], place: Place, cloud: Cloud) -> tuple[str, dict[str, Any]]:
    """Pulumi's id of it, and all its outputs, its inputs among them."""
    package = kind.token.partition(":")[0]
    fields = Fields(kind, inputs, place, cloud)
    _lengthen(kind, fields)
    common = COMMON[package](kind, fields)
    shape = SHAPES[package].get(kind.token, common)
    fields.fill("id", shape.id)
    for name, value in [*shape.outputs.items(), *common.outputs.items()]:
        if name in kind.outputs and fields.get(name) is None:
            fields.fill(name, value)
    outputs = {name: value for name, value in fields.items() if name in kind.outputs and value is not None}
    return fields["id"], {**outputs, "id": fields["id"]}


def _lengthen(kind: Type, fields: Fields) -> None:
    """The name of what was only given a prefix of it."""
    name = names.property_of(kind)
    if name and fields.get(name) is None and fields.get(f"{name}Prefix"):
        fields.fill(name, fields[f"{name}Prefix"] + "{digits26}")


def key(token: str, id: str, outputs: Mapping[str, Any]) -> str:
    """The id under which the cloud keeps it: two revisions of a task definition share Pulumi's, their family."""
    return outputs["arn"] if token == aws.TASK_DEFINITION and "arn" in outputs else id


def again(kind: Type, outputs: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """What an update computes anew."""
    return aws.tags_all(kind, outputs, place) if kind.token.startswith("aws:") else {}
