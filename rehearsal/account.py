"""What a provider is configured with, and what the real ones refuse then."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal import schema
from rehearsal.computed import Place
from rehearsal.refusals import Refused
from rehearsal.schema import Mistake
from rehearsal.values import UNKNOWN

# What the engine itself puts among a provider's inputs.
ENGINE_OWN = frozenset({"version", "pluginDownloadURL", "pluginChecksums", "parameterization"})


def settings(package: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A provider's inputs. Pulumi hands all but texts over as JSON, in texts."""
    known = schema.provider(package)
    return {
        name: _parsed(value) if name in known and known[name].kind.name != "string" else value
        for name, value in inputs.items()
        if name not in ENGINE_OWN
    }


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value not in ("", UNKNOWN) else value


def mistakes(package: str, inputs: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong with them."""
    given = settings(package, inputs)
    yield from schema.mistakes(schema.provider(package), given)
    if package == "aws" and not _region_of(given):
        yield Mistake("region", "Missing region information: set it by `pulumi config set aws:region`")


def place(package: str, inputs: Mapping[str, Any], account: str, registry: str) -> Place:
    """Where such a provider works; `account` is whose credentials it would find. Raises Refused."""
    if package != "aws":
        return Place(account="")
    given = settings(package, inputs)
    allowed = given.get("allowedAccountIds")
    if (allowed and account not in allowed) or account in given.get("forbiddenAccountIds", ()):
        raise Refused(f"AWS account ID not allowed: {account}")
    tags = (given.get("defaultTags") or {}).get("tags") or {}
    return Place(account, _region_of(given), tags, registry)


def _region_of(given: Mapping[str, Any]) -> str:
    return given.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
