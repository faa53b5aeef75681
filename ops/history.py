"""A stack's own history: the releases that it has been at, from what the engine keeps of each update."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import state
from infra.settings import PROJECT

# Settings that are no part of a release: how it is deployed, and whether it is shown just now.
_NOT_OF_A_RELEASE = frozenset({f"{PROJECT}:image", f"{PROJECT}:maintenance"})


@dataclass(frozen=True)
class Update:
    """One update as the engine recorded it; `salt` opens the secrets among its settings."""

    kind: str
    succeeded: bool
    version: str
    image: str
    config: Mapping[str, Any]
    salt: str


@dataclass(frozen=True)
class Release:
    """What makes a stack serve what it served: the API's image and the settings."""

    version: str
    image: str
    config: Mapping[str, Any]
    salt: str


def releases(updates: Iterable[Update]) -> list[Release]:
    """The releases of these updates, oldest first, the one that is deployed last.

    An update that failed made none. One that went back to an earlier release took those after it away, so that going
    back again leads further back, and not forth to what was left.
    """
    found: list[Release] = []
    for update in updates:
        if not update.succeeded:
            continue
        if update.kind == "destroy":
            found = []
        elif update.kind == "update" and update.image:
            config = {
                key: value
                for key, value in update.config.items()
                if key.startswith(f"{PROJECT}:") and key not in _NOT_OF_A_RELEASE
            }
            release = Release(update.version, update.image, config, update.salt)
            same = [(each.image, each.config) == (release.image, release.config) for each in found]
            found = [*found[: same.index(True) if True in same else None], release]
    return found


def updates(stack: str) -> Iterator[Update]:
    """All recorded updates of a stack whose state is kept in files, oldest first.

    They are read from the state's folder, because `pulumi stack history` does not tell what was deployed.
    """
    folder = state.home() / ".pulumi" / "history" / PROJECT / stack
    # The number between is the time at which it was written, in nanoseconds.
    for file in sorted(
        folder.glob(f"{stack}-*.history.json"), key=lambda file: int(file.name.split(".")[0].rpartition("-")[2])
    ):
        yield _update(json.loads(file.read_text()), _checkpoint(file))


def _checkpoint(history: Path) -> dict[str, Any]:
    file = history.with_name(history.name.replace(".history.", ".checkpoint."))
    return json.loads(file.read_text())["checkpoint"].get("latest") or {}


def _update(entry: Mapping[str, Any], state: Mapping[str, Any]) -> Update:
    outputs: Mapping[str, Any] = next(
        (each.get("outputs") or {} for each in state.get("resources") or [] if each["type"] == "pulumi:pulumi:Stack"),
        {},
    )
    provider = state.get("secrets_providers") or {}
    return Update(
        kind=entry["kind"],
        succeeded=entry["result"] == "succeeded",
        version=outputs.get("app_version", ""),
        image=outputs.get("image", ""),
        config=entry.get("config") or {},
        salt=(provider.get("state") or {}).get("salt", ""),
    )
