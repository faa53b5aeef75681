"""A backup out of the bucket and into an empty database."""

import os
import re
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from jobs import age
from jobs.child import Child, ChildFailed, run
from jobs.errors import BrokenBackup, DiskFull, JobError
from jobs.libpq import Login
from jobs.manifest import Manifest
from jobs.progress import Progress
from jobs.store import Store

JOBS: Final = 2
# Of the sessions that restore. Nothing waits for the disk but the end, which is a commit of another session. They are
# as many as there are cores to work with, so none starts helpers of its own.
OPTIONS: Final = (
    "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 -c synchronous_commit=off "
    "-c max_parallel_maintenance_workers=0"
)

_ITEM: Final = re.compile(r"\d+; \d+ \d+ (?P<what>.+)")
_DONE: Final = re.compile(r"pg_restore: (processing|finished) item ")
_AUTH: Final = re.compile(r"SCHEMA - auth ")
# In a database that is somebody else's, the schema public is shared with roles that are nowhere else.
_SHARED: Final = re.compile(r"(ACL - SCHEMA|SCHEMA -|COMMENT - SCHEMA|DEFAULT ACL) public ")
# The server's or the machine's fault, not the dump's.
_LOST: Final = re.compile(r"connection|out of memory|could not fork|shutting down", re.IGNORECASE)


@dataclass(frozen=True)
class Dump:
    """A dump in a file, decrypted, and the file that lists what of it is to be restored."""

    path: Path
    items: Path
    count: int
    brings_auth: bool


def fetch(store: Store, manifest: Manifest, identities: str, folder: Path) -> Dump:
    """Downloads, compares and decrypts, in one go.

    Raises BrokenBackup when it is not what was uploaded, JobError when the identity is not the one, or the disk full.
    """
    known = age.recipients(identities)
    if manifest.recipient not in known:
        raise JobError(
            f"backup {manifest.id} was encrypted for {manifest.recipient}, and BACKUP_IDENTITY opens what is for "
            f"{' or '.join(known)}: give the identity that the backup was made with"
        )
    key, path = f"{manifest.id}/dump.age", folder / "dump"
    found = store.sizes(key).get(key)
    if found != manifest.size:
        size = "is not there" if found is None else f"has {found:,} bytes instead of {manifest.size:,}"
        raise BrokenBackup(f"{key} {size}: use another backup")
    with path.open("wb") as file, age.decrypting(identities, file, subprocess.PIPE) as child:
        try:
            digest = _pass_on(store, key, child, Progress(f"downloading {manifest.id}", "B", manifest.size))
            if digest != manifest.sha256:
                raise BrokenBackup(f"{key} was altered: its SHA-256 is {digest}, its manifest says {manifest.sha256}")
            child.wait()
        except ChildFailed as error:
            raise _explained(error, folder) from error
    return _listed(path, folder)


def load(dump: Dump, login: Login, folder: Path) -> None:
    """Restores as the database's owner, to whom all then belongs. Raises JobError.

    An error stops it: half a database is of no use to anyone.
    """
    progress = Progress("restoring", "items", dump.count)

    def heard(line: str) -> None:
        if _DONE.match(line):
            progress.add()

    child = Child(
        [
            "pg_restore",
            f"--jobs={JOBS}",
            "--exit-on-error",
            "--no-owner",
            "--no-password",
            "--verbose",
            f"--use-list={dump.items}",
            f"--dbname={login.conninfo}",
            str(dump.path),
        ],
        environment={**login.environment, "PGOPTIONS": OPTIONS},
        on_line=heard,
    )
    try:
        child.wait()
    except ChildFailed as error:
        raise _explained(error, folder) from error
    finally:
        child.end()


def _pass_on(store: Store, key: str, child: Child, progress: Progress) -> str:
    """Gives the object to age. Reads on when age stops listening: whether it was altered is known at its end only."""
    digest, listening, pipe = sha256(), True, child.process.stdin
    assert pipe
    for piece in store.stream(key):
        digest.update(piece)
        progress.add(len(piece))
        if listening:
            try:
                _write(pipe.fileno(), piece)
            except BrokenPipeError:
                listening = False
                _unless_disk_is_full(child)
    pipe.close()
    return digest.hexdigest()


def _write(fd: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _unless_disk_is_full(child: Child) -> None:
    try:
        child.wait()
    except ChildFailed as error:
        if error.disk_is_full:
            raise


def _listed(path: Path, folder: Path) -> Dump:
    """What is in a dump. Raises BrokenBackup when it is none."""
    try:
        lines = run(["pg_restore", "--list", str(path)]).decode().splitlines()
    except ChildFailed as error:
        raise BrokenBackup(f"what was decrypted is no dump: {error}") from error
    items = [line for line in lines if _ITEM.match(line)]
    brings_auth = any(_AUTH.search(line) for line in items)
    if not brings_auth:
        items = [line for line in items if not _SHARED.search(line)]
    (folder / "items").write_text("\n".join(items) + "\n")
    return Dump(path, folder / "items", len(items), brings_auth)


def _explained(error: ChildFailed, folder: Path) -> JobError:
    if error.disk_is_full:
        return DiskFull(str(error), f"in WORK_DIR ({folder.parent}) or at the server that is restored into")
    if error.killed or _LOST.search(error.said):
        return error
    return BrokenBackup(f"it cannot be restored: {error}")
