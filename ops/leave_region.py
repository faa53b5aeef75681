"""`make leave-region`: the stack forgets what it had at AWS, so that `pulumi up` makes it anew in another region.

For a region that is gone. What is not at AWS stays known: DNS records, the frontend, and the stack's own secrets, which
open what is stored. Nothing is deleted anywhere.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ops import engine, stack_file
from ops.errors import OperatorError

FORGOTTEN = ("aws:", "pulumi:providers:aws")
KEPT_IN = Path.home() / ".local/share/nuggetwise"

Deployment = dict[str, Any]


def leave_region(stack: str, *, yes: bool) -> int:
    """Forgets everything of AWS and keeps the state as it was in a file. Returns 0.

    Raises OperatorError when the operator does not agree, or there is nothing to forget.
    """
    settings = stack_file.load(stack)
    if settings.environment == "dev":
        raise OperatorError(f"{stack} is a dev stack, which is in no region")
    region = settings.place.region
    state = engine.export(stack)
    before = json.dumps(state)
    forgotten = forget(state["deployment"])
    if not forgotten:
        raise OperatorError(f"the state of {stack} has nothing of AWS; `pulumi up -s {stack}` makes it")
    if not yes:
        _confirm(stack, region, forgotten)
    file = KEPT_IN / f"{stack}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(before)
    engine.put(stack, state)
    print(
        f"{forgotten} resources of AWS are forgotten; they are wherever they were. The state before is in {file}.\n"
        f"docs/recovery-production.md says which settings name the other region; then `pulumi up -s {stack}`"
    )
    return 0


def forget(deployment: Deployment) -> int:
    """Takes what is of AWS out of a state, and all that refers to it. Returns how many resources that were."""
    resources: list[Deployment] = deployment.get("resources") or []
    kept = [each for each in resources if not each["type"].startswith(FORGOTTEN)]
    there = {each["urn"] for each in kept}
    deployment["resources"] = [_without(each, there.__contains__) for each in kept]
    pending: list[Deployment] = deployment.get("pending_operations") or []
    deployment["pending_operations"] = [each for each in pending if each["resource"]["urn"] in there]
    return len(resources) - len(kept)


def _without(resource: Mapping[str, Any], known: Callable[[str], bool]) -> Deployment:
    """The resource without references to what is not there any more."""
    changed = dict(resource)
    for key in ("dependencies", "replaceWith"):
        if key in resource:
            changed[key] = [urn for urn in resource[key] or () if known(urn)]
    if "propertyDependencies" in resource:
        by_property: Mapping[str, list[str] | None] = resource["propertyDependencies"] or {}
        changed["propertyDependencies"] = {
            name: [urn for urn in urns or () if known(urn)] for name, urns in by_property.items()
        }
    if not known(resource.get("deletedWith") or resource["urn"]):
        del changed["deletedWith"]
    return changed


def _confirm(stack: str, region: str, forgotten: int) -> None:
    if not sys.stdin.isatty():
        raise OperatorError("nobody is here to agree; YES=1 agrees beforehand")
    print(f"{stack} would forget {forgotten} resources of AWS. If {region} is not gone, they go on and cost money.")
    if input(f"Type {region} to go on: ").strip() != region:
        raise OperatorError("nothing was changed")
