"""A PostgreSQL server of its own, for a backup to be restored into: nobody else reaches it, and nothing of it stays."""

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from jobs.child import Child, ChildFailed, run, tells_of_full_disk
from jobs.errors import DiskFull, JobError
from jobs.libpq import Login
from migrations.connection import Connection
from migrations.roles import CREATE_DATABASE

ADMIN: Final = "scratch"
DATABASE: Final = "restored"
START_SECONDS: Final = 60.0
END_SECONDS: Final = 30.0
DATA: Final = "data"

# Nothing here need survive a crash. With two restoring sessions it stays below 300 MiB.
SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "12",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "48MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Scratch:
    """The server's socket is in `folder`. Whoever gets there is who they say they are."""

    folder: Path

    def login(self, role: str) -> Login:
        return Login.by_socket(self.folder, role, DATABASE)

    def connect(self, role: str, database: str = DATABASE) -> Connection:
        return psycopg.connect(
            Login.by_socket(self.folder, role, database).conninfo,
            autocommit=True,
            client_encoding="utf8",
            connect_timeout=10,
        )

    def prepare(self, owner: str, api_role: str) -> None:
        """The roles that a dump does not bring, and an empty database of the owner's."""
        with self.connect(ADMIN, "postgres") as admin:
            for role in (owner, api_role):
                admin.execute(SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS").format(Identifier(role)))
            admin.execute(SQL(CREATE_DATABASE).format(Identifier(DATABASE), Identifier(owner)))


@contextmanager
def server(folder: Path) -> Generator[Scratch]:
    """A running server in an empty folder. Raises JobError when it does not start, or its disk is full."""
    data = folder / DATA
    _initialize(data)
    settings = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": str(folder)}.items()]
    child = Child(["postgres", "-D", str(data), *settings])
    try:
        made = Scratch(folder)
        _when_it_answers(made, child)
        yield made
    except JobError as error:
        # Without room for its log the server ends, and its clients only see that.
        if tells_of_full_disk(child.said):
            raise _full(child.said, data) from error
        raise
    finally:
        # Its immediate shutdown: what it has in memory is of no use to anyone.
        child.end(signal.SIGQUIT)


def _initialize(data: Path) -> None:
    try:
        run(
            [
                "initdb",
                f"--pgdata={data}",
                f"--username={ADMIN}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
            ]
        )
    except ChildFailed as error:
        raise (_full(str(error), data) if error.disk_is_full else error) from error


def _full(said: str, data: Path) -> DiskFull:
    return DiskFull(said, f"in WORK_DIR ({data.parent.parent})")


def end_leftover(folder: Path) -> None:
    """Ends the server that a killed run has left in a folder."""
    with suppress(OSError, ValueError):
        pid = int((folder / DATA / "postmaster.pid").read_text().split("\n")[0])
        if str(folder / DATA).encode() not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return  # the number is another program's by now
        os.kill(pid, signal.SIGQUIT)
        end = time.monotonic() + END_SECONDS
        while time.monotonic() < end:
            os.kill(pid, 0)  # raises when it is gone
            time.sleep(0.1)


def _when_it_answers(made: Scratch, child: Child) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            made.connect(ADMIN, "postgres").close()
        except psycopg.OperationalError as error:
            if child.process.poll() is not None:
                child.wait()
            if time.monotonic() > end:
                raise JobError(f"the scratch server did not answer for {START_SECONDS:g} s: {child.said}") from error
            time.sleep(0.1)
        else:
            return
