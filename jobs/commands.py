"""The commands of backups: each reads what it needs from the environment, and raises MigrationError when it fails."""

import argparse
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from jobs import catalogue, ledger, retention, settings
from jobs.backup import Backups
from jobs.metrics import Metrics
from jobs.newer import newer_than
from jobs.restore import Restore
from jobs.serve import serve as run_clock
from jobs.status import BACKUP, RESTORE_TEST, Status
from jobs.store import Store
from jobs.switch import switch as put_in_place
from jobs.upkeep import Tell
from migrations.log import log
from migrations.settings import target


def backup(_: argparse.Namespace, tell: Tell) -> None:
    """dump into the bucket, restore that into a scratch server and compare: only then it counts"""
    metrics = Metrics.of(os.environ)
    with recorded(BACKUP, lambda well: metrics.backup(made=well)):
        owner = target(os.environ, "OWNER_DATABASE_URL")
        _backups(metrics, tell).make(owner, settings.keys(os.environ), settings.source(os.environ))


def restore_test(arguments: argparse.Namespace, tell: Tell) -> None:
    """restore a backup into a scratch server and compare, from the bucket alone"""
    metrics = Metrics.of(os.environ)
    with recorded(RESTORE_TEST, lambda well: metrics.restore_test(passed=well)):
        _backups(metrics, tell).test(arguments.id, settings.identities(os.environ))


def backups(_: argparse.Namespace, tell: Tell) -> None:
    """list the backups, newest first"""
    given = settings.bucket(os.environ)
    store = Store.connect(given)
    for each in catalogue.backups(store):
        made = each.manifest
        tell(
            {
                "id": each.id,
                "created_at": each.created_at.isoformat(),
                "bytes": each.files.get("dump.age"),
                "rows": made and made.rows,
                "schema_revision": made and made.schema_revision,
                "release": made and made.release,
                "state": each.state,
                "superseded": retention.is_superseded(store, given.expiry, each, datetime.now(UTC)),
            }
        )


def restore(arguments: argparse.Namespace, tell: Tell) -> None:
    """restore a backup into a new database beside the live one, and compare"""
    Restore(
        store=_store(),
        work=settings.work_dir(os.environ),
        identities=settings.identities(os.environ),
        admin=target(os.environ, "ADMIN_DATABASE_URL"),
        owner=target(os.environ, "OWNER_DATABASE_URL"),
        tell=tell,
    ).into(arguments.into, arguments.id)


def switch(arguments: argparse.Namespace, tell: Tell) -> None:
    """put a database in the live one's place, and keep that one under another name"""
    owner = target(os.environ, "OWNER_DATABASE_URL")
    put_in_place(target(os.environ, "ADMIN_DATABASE_URL"), owner.database, arguments.database, tell)


def newer(arguments: argparse.Namespace, tell: Tell) -> None:
    """count what the live database has that is newer than a backup"""
    owner = target(os.environ, "OWNER_DATABASE_URL")
    chosen = catalogue.chosen(catalogue.backups(_store()), arguments.id)
    tell(newer_than(owner, chosen.created_at))


def serve(arguments: argparse.Namespace, _: Tell) -> None:
    """run the jobs by the clock, and tell Prometheus of them, until told to end"""
    work = settings.work_dir(os.environ)
    with suppress(KeyboardInterrupt):
        run_clock(Status(_store(), work, datetime.now(UTC)), work, arguments.port)


@contextmanager
def recorded(job: str, report: Callable[[bool], None]) -> Generator[None]:
    """A failure goes to the ledger and the metrics, and so does a success. That it was to end is a failure too."""
    try:
        yield
    except BaseException:
        _record(job, well=False)
        try:
            report(False)
        except Exception as error:
            log(f"error: {error}")
        raise
    _record(job, well=True)
    report(True)


def _record(job: str, *, well: bool) -> None:
    if work := os.environ.get("WORK_DIR"):
        ledger.record(Path(work), job, time.time(), well=well)


def _store() -> Store:
    return Store.connect(settings.bucket(os.environ))


def _backups(metrics: Metrics, tell: Tell) -> Backups:
    given = settings.bucket(os.environ)
    return Backups(given, Store.connect(given), settings.work_dir(os.environ), metrics, tell)
