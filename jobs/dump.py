"""The dump: pg_dump, age and the upload, each reading what the one before writes."""

import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC
from io import BufferedReader, RawIOBase
from typing import BinaryIO, Final, cast

from jobs import age, contents
from jobs.child import Child, ChildFailed
from jobs.errors import JobError
from jobs.facts import facts as described
from jobs.libpq import Login
from jobs.manifest import Manifest, new_id
from jobs.patience import Patience
from jobs.settings import Keys, Source
from jobs.snapshot import Snapshot, taken
from jobs.store import Store
from jobs.upload import upload
from migrations.history import History
from migrations.log import log
from migrations.settings import Target

COMPRESSION: Final = "zstd:1"
LOCK_SECONDS: Final = 60.0


def dump(owner: Target, patience: Patience, store: Store, keys: Keys, source: Source) -> Manifest:
    """Puts a dump into the bucket, and its manifest beside it. Raises MigrationError, and then there is no dump."""
    started = time.monotonic()
    with taken(patience) as snapshot:
        id = new_id(snapshot.moment)
        log(f"dumping {owner.database} as {id} …")
        # The schema first: functions are what nothing keeps from being replaced meanwhile.
        facts, revision = described(snapshot.connection), History.read(snapshot.connection).revision
        try:
            with _encrypted(owner, snapshot, keys.recipient) as (stream, confirm):
                sent = upload(store, f"{id}/dump.age", stream, confirm)
        except ChildFailed as error:
            raise JobError(
                f"{owner.database} could not be dumped: {error}. Nothing was kept of {id}, and older backups are as "
                "they were: put that right, and run again"
            ) from error
        seconds = time.monotonic() - started
        rows = contents.rows(snapshot.connection, snapshot.tables)
    made = Manifest(
        id=id,
        stack=source.stack,
        release=source.release,
        created_at=snapshot.moment.astimezone(UTC).isoformat(),
        schema_revision=revision,
        server_version=snapshot.server_version,
        owner=owner.role,
        api_role=source.api_role,
        recipient=keys.recipient,
        size=sent.size,
        sha256=sent.sha256,
        tables=rows,
        facts=facts,
        seconds=round(seconds, 3),
    )
    store.put(f"{id}/manifest.json", made.to_json())
    return made


@contextmanager
def _encrypted(owner: Target, snapshot: Snapshot, recipient: str) -> Generator[tuple[BinaryIO, Callable[[], None]]]:
    """The encrypted dump to read, and what raises when it is not whole."""
    login = Login.of(owner)
    dumping = Child(
        [
            "pg_dump",
            "--format=custom",
            f"--compress={COMPRESSION}",
            f"--snapshot={snapshot.id}",
            f"--lock-wait-timeout={LOCK_SECONDS:.0f}s",
            "--no-publications",
            "--no-subscriptions",
            "--no-password",
            *snapshot.exclude,
            f"--dbname={login.conninfo}",
        ],
        stdout=subprocess.PIPE,
        environment=login.environment,
    )
    assert dumping.process.stdout
    encrypting = age.encrypting(recipient, dumping.process.stdout, subprocess.PIPE)
    # Else pg_dump would not notice that nobody reads any more.
    dumping.process.stdout.close()

    def confirm() -> None:
        # age, whose input ends when pg_dump is killed, is content then; it fails only by itself.
        encrypting.wait()
        dumping.wait()

    try:
        yield BufferedReader(cast(RawIOBase, encrypting.process.stdout)), confirm
    finally:
        dumping.end()
        encrypting.end()
