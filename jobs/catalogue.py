"""The backups in the bucket, newest first: which can be trusted, and why not."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobs.errors import BrokenBackup, JobError
from jobs.manifest import ID, Manifest, time_of
from jobs.store import Store

_TESTED: Final = re.compile(r"tested-(\d{8}T\d{6}Z)\.json")


@dataclass(frozen=True)
class Backup:
    """A backup's `files` (name: bytes) and what they say. `broken` tells why it is of no use."""

    id: str
    files: dict[str, int]
    manifest: Manifest | None
    broken: str | None

    @property
    def created_at(self) -> datetime:
        return self.manifest.moment if self.manifest else time_of(self.id)

    @property
    def good(self) -> bool:
        """It was restored and compared."""
        return self.broken is None and "verified.json" in self.files

    @property
    def state(self) -> str:
        return f"broken: {self.broken}" if self.broken else "good" if self.good else "unverified"

    @property
    def keys(self) -> list[str]:
        """Its objects, the one first without which it is no good backup any more."""
        return [f"{self.id}/{name}" for name in sorted(self.files, reverse=True)]

    @property
    def tested(self) -> list[datetime]:
        """When restore tests of it have passed."""
        found = (_TESTED.fullmatch(name) for name in self.files)
        return [time_of(each[1]) for each in found if each]


def backups(store: Store) -> list[Backup]:
    """All there are, newest first. Raises JobError when the bucket does not answer."""
    files: dict[str, dict[str, int]] = {}
    for key, size in store.sizes().items():
        id, _, name = key.partition("/")
        if name and re.fullmatch(ID, id):
            files.setdefault(id, {})[name] = size
    return [_read(store, id, files[id]) for id in sorted(files, reverse=True)]


def chosen(known: Iterable[Backup], wanted: str) -> Backup:
    """The newest good one for "latest", else that of the id. Raises JobError when there is none to be used."""
    known = list(known)
    if wanted == "latest":
        for backup in known:
            if backup.good:
                return backup
        raise JobError("there is no good backup: make one with `backup`, or look at `backups`")
    for backup in known:
        if backup.id == wanted:
            return backup
    raise JobError(f"there is no backup {wanted}: `backups` lists those that there are")


def manifest_of(backup: Backup) -> Manifest:
    """Raises BrokenBackup when the backup is of no use."""
    if backup.broken or backup.manifest is None:
        raise BrokenBackup(f"backup {backup.id} is broken: {backup.broken}. Use another one")
    return backup.manifest


def last_good(known: Iterable[Backup]) -> datetime | None:
    """The moment to which the newest good backup goes back."""
    return max((each.created_at for each in known if each.good), default=None)


def last_tested(known: Iterable[Backup]) -> datetime | None:
    """When a restore test last passed."""
    return max((moment for backup in known for moment in backup.tested), default=None)


def _read(store: Store, id: str, files: dict[str, int]) -> Backup:
    try:
        manifest = Manifest.parse(store.read(f"{id}/manifest.json")) if "manifest.json" in files else None
    except BrokenBackup as error:
        return Backup(id, files, None, str(error))
    return Backup(id, files, manifest, _broken(store, id, files, manifest))


def _broken(store: Store, id: str, files: dict[str, int], manifest: Manifest | None) -> str | None:
    if manifest is None:
        return "it has no manifest, since the job that made it was cut short"
    if manifest.id != id:
        return f"its manifest is that of {manifest.id}"
    size = files.get("dump.age")
    if size is None:
        return "its dump is not there"
    if size != manifest.size:
        return f"its dump has {size:,} bytes instead of {manifest.size:,}"
    if "broken.json" in files:
        return _told(store.read(f"{id}/broken.json"))
    return None


def _told(text: bytes) -> str:
    try:
        return str(json.loads(text)["why"])
    except (ValueError, KeyError, TypeError):
        return "its broken.json cannot be read"
