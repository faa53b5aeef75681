"""A backup into a new database beside the live one, which it never touches. `switch` then puts it in its place."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs import catalogue, new_database, restoration
from jobs.libpq import Login
from jobs.manifest import Manifest
from jobs.stand_in import stand_in
from jobs.store import Store
from jobs.upkeep import Tell
from jobs.verification import compare
from jobs.workspace import workspace
from migrations.connection import connect
from migrations.lock import hold
from migrations.log import log
from migrations.settings import Target

# "nwrestor" in ASCII: one restore at a time.
KEY: Final = 0x6E77726573746F72
LOCK_WAIT_SECONDS: Final = 2.0
RESTORE: Final = "restore"
"""The work folder's part for dumps that are restored into a real server."""


@dataclass(frozen=True)
class Restore:
    """What a restore needs. Run again after an interruption it begins anew."""

    store: Store
    work: Path
    identities: str
    admin: Target
    owner: Target
    tell: Tell

    def into(self, name: str, wanted: str) -> None:
        """Restores a backup (or "latest", the newest good one) into a new database, and compares.

        Raises MigrationError.
        """
        started = time.monotonic()
        new_database.check_name(name, self.owner.database)
        backup = catalogue.chosen(catalogue.backups(self.store), wanted)
        made = catalogue.manifest_of(backup)
        if not backup.good:
            log(f"warning: {made.id} has never been restored and compared")
        with connect(self.admin, release="restore", autocommit=True) as admin:
            hold(admin, KEY, LOCK_WAIT_SECONDS)
            new_database.create(admin, name, made.id, self.owner, made.api_role)
            with workspace(self.work, RESTORE) as folder:
                dump = restoration.fetch(self.store, made, self.identities, folder)
                if not dump.brings_auth:
                    with connect(self.admin.of(name), release="restore", autocommit=True) as inside:
                        stand_in(inside, self.owner.role, made.api_role)
                restoration.load(dump, Login.of(self.owner.of(name)), folder)
            loaded = time.monotonic()
            self._finish(made, name)
            # Durable from here on, and all before it.
            new_database.mark(admin, name, new_database.RESTORED + made.id)
        self.tell(
            {
                "action": "restored",
                "id": made.id,
                "database": name,
                "rows": made.rows,
                "schema_revision": made.schema_revision,
                "created_at": made.created_at,
                # All of it, and how much of that was downloading and loading.
                "seconds": round(time.monotonic() - started, 3),
                "load_seconds": round(loaded - started, 3),
            }
        )

    def _finish(self, made: Manifest, name: str) -> None:
        log(f"comparing {name} with what had been backed up …")
        with connect(self.owner.of(name), release="restore", autocommit=True) as owner:
            owner.execute("SET statement_timeout = 0")
            compare(owner, made)
            log("analyzing …")
            owner.execute("ANALYZE")
