"""The backup: dumped, restored elsewhere, compared, and only then good. The weekly restore test does the same again."""

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jobs import age, catalogue, retention
from jobs.dump import LOCK_SECONDS, dump
from jobs.errors import BrokenBackup, JobError
from jobs.manifest import Manifest, stamp
from jobs.metrics import Metrics
from jobs.patience import Patience
from jobs.settings import Bucket, Keys, Source
from jobs.store import Store
from jobs.upkeep import Tell
from jobs.verification import verify
from jobs.workspace import workspace
from migrations.connection import connect
from migrations.lock import hold
from migrations.log import log
from migrations.settings import Target

# "nwbackup" in ASCII: one backup at a time.
KEY: Final = 0x6E776261636B7570
LOCK_WAIT_SECONDS: Final = 2.0
VERIFY: Final = "verify"
"""The work folder's part in which backups are restored to be compared."""


@dataclass(frozen=True)
class Backups:
    """What a backup and a restore test need. Each raises MigrationError when it fails."""

    bucket: Bucket
    store: Store
    work: Path
    metrics: Metrics
    tell: Tell

    def make(self, owner: Target, keys: Keys, source: Source) -> None:
        """A new backup, and what follows from it: older ones that it supersedes, and the metrics."""
        age.check(keys)
        self.store.sizes("ping")  # a bucket that is away is told before the work
        with ExitStack() as sessions:
            worker, watcher = (
                sessions.enter_context(connect(owner, release="backup", autocommit=True)) for _ in range(2)
            )
            hold(watcher, KEY, LOCK_WAIT_SECONDS)
            made = dump(owner, Patience(worker, watcher, LOCK_SECONDS), self.store, keys, source)
            self.tell(
                {"action": "dumped", "id": made.id, "bytes": made.size, "rows": made.rows, "seconds": made.seconds}
            )
            self._verify(made, keys.identities)
        self._expire()

    def test(self, wanted: str, identities: str) -> None:
        """Restores a backup from the bucket alone; one that had not been verified is good from then on."""
        backup = catalogue.chosen(catalogue.backups(self.store), wanted)
        made = catalogue.manifest_of(backup)
        self._verify(made, identities, already=backup.good)
        moment = datetime.now(UTC)
        self.store.put(f"{made.id}/tested-{stamp(moment)}.json", _said({"tested_at": moment.isoformat()}))

    def _verify(self, made: Manifest, identities: str, *, already: bool = False) -> None:
        started = time.monotonic()
        try:
            with workspace(self.work, VERIFY) as folder:
                verify(self.store, made, identities, folder)
        except BrokenBackup as error:
            self._condemn(made, str(error))
            raise BrokenBackup(f"backup {made.id} is broken: {error}") from error
        except JobError as error:
            raise JobError(f"backup {made.id} could not be verified: {error}") from error
        took = round(time.monotonic() - started, 3)
        if not already:
            moment = datetime.now(UTC).isoformat()
            self.store.put(f"{made.id}/verified.json", _said({"verified_at": moment, "seconds": took}))
        self.tell({"action": "verified", "id": made.id, "rows": made.rows, "seconds": took})

    def _condemn(self, made: Manifest, why: str) -> None:
        """So that nobody chooses it. Whoever may not write says so and goes on: the exit code tells all the same."""
        try:
            self.store.put(f"{made.id}/broken.json", _said({"why": why}))
        except JobError as error:
            log(f"{made.id} could not be marked as broken: {error}")

    def _expire(self) -> None:
        known, now = catalogue.backups(self.store), datetime.now(UTC)
        for id in retention.expire(self.store, self.bucket.expiry, retention.superseded(known, now)):
            self.tell({"action": "superseded", "id": id})
        last = catalogue.last_tested(known) or min(each.created_at for each in known)
        self.metrics.restore_test_age(last, now)


def _said(what: Mapping[str, object]) -> bytes:
    return (json.dumps(what) + "\n").encode()
