"""`make restore`: a backup into the running stack, or into a database beside it.

Nothing is taken from the live database before its successor stands beside it, migrated; then the two change names. What
was live is kept, so that one command goes back.
"""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from infra.database import NAME
from ops import job, lock
from ops import site as sites
from ops.backup import GOOD, UNVERIFIED, Backup, counted, listed
from ops.errors import OperatorError
from ops.site import KEPT, Site
from ops.up import say

if TYPE_CHECKING:
    from ops.job import Line

RESTORED: Final = "nuggetwise_restored_"
HEALTHY_WITHIN: Final = 60.0  # seconds
YES: Final = ("1", "yes", "true")


def restore(stack: str, backup: str, *, into: str = "", force: bool = False, yes: bool = False) -> int:
    """Restores a backup (its id, or `latest` for the newest good one) into the stack, or `into` a database beside.

    Asks for the stack's name first. `yes` answers that where nothing is lost; `force` also where newer data is, and
    takes a backup that was not verified. Safe to interrupt and to repeat.
    Raises OperatorError, either before anything changed or saying what is left to do.
    """
    if into:
        check_name(into)
    with lock.held(stack):
        site = sites.of(stack)
        if not into:
            site.begin()
        chosen = choose(listed(site.jobs), backup, stack, force=force)
        check_revision(chosen, site.schema_revision, stack)
        if into:
            _make(site, chosen, into)
            print(f"{_described(chosen)} is in the database {into} of {stack}; {site.how_to_look(into)}")
            return 0
        may_lose = agree(chosen, newer_than(site, chosen, force=force), stack, force=force, yes=yes)
        database = restored_name(chosen)
        _make(site, chosen, database)
        _take_over(site, database, (lambda: None) if may_lose else (lambda: _refuse_late_writes(site, chosen)))
        print(f"{stack} serves {_described(chosen)}")
    return 0


def back(stack: str, database: str, *, force: bool = False, yes: bool = False) -> int:
    """Makes the database that a restore put aside the live one again; the one that is live now is put aside.

    Without a name it is the one that the last restore put aside. Raises OperatorError like `restore`.
    """
    with lock.held(stack):
        site = sites.of(stack)
        site.begin()
        name = site.newest_kept() if database in YES else database
        if not (yes or force):
            _ask(stack, f"This makes {name} the live database of {stack}; what is live now is kept. ")
        _migrate(site, name)
        _take_over(site, name, lambda: None)
        print(f"{stack} serves what was {name}")
    return 0


def check_name(database: str) -> None:
    """Raises OperatorError for a name that a database beside cannot have."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,50}", database):
        raise OperatorError(f"INTO={database}: is no name of a database: up to 51 small letters, digits and _")
    if database in (NAME, "postgres", "template0", "template1") or database.startswith((KEPT, RESTORED)):
        raise OperatorError(f"INTO={database}: that name is taken; choose one that says what it is for")


def restored_name(chosen: Backup) -> str:
    """The database that a backup is restored to before it becomes the live one."""
    return RESTORED + re.sub(r"[^a-z0-9]", "_", chosen.id.lower())


def choose(found: Sequence[Backup], wanted: str, stack: str, *, force: bool) -> Backup:
    """The backup that is wanted, of those that are there, newest first. Raises OperatorError where it is no good."""
    see = f"`make backups STACK={stack}` lists them"
    if wanted == "latest":
        chosen = next((each for each in found if each.state == GOOD), None)
        if chosen is None:
            raise OperatorError(f"stack {stack} has no good backup; {see}")
        return chosen
    chosen = next((each for each in found if each.id == wanted), None)
    if chosen is None:
        raise OperatorError(f"stack {stack} has no backup {wanted}; {see}")
    if chosen.state == UNVERIFIED and not force:
        raise OperatorError(f"backup {wanted} was not verified yet: nobody restored and compared it. FORCE=1 takes it")
    if chosen.state not in (GOOD, UNVERIFIED):
        raise OperatorError(f"backup {wanted} cannot be used: {chosen.state}; {see}")
    return chosen


def check_revision(chosen: Backup, schema_revision: str, stack: str) -> None:
    """An older schema is migrated. Raises OperatorError for one that is newer than the stack's."""
    if (chosen.schema_revision or "") > schema_revision:
        raise OperatorError(
            f"backup {chosen.id} has the schema {chosen.schema_revision} of release {chosen.release}, and {stack} has "
            f"only {schema_revision}: deploy a release with that schema first, or choose an earlier backup"
        )


def newer_than(site: Site, chosen: Backup, *, force: bool) -> dict[str, int]:
    """How many rows of each table the live database has that are newer than the backup.

    Raises OperatorError where it cannot tell, unless `force`: then the live database may be what is to be mended.
    """
    try:
        return counts(job.done(site.jobs, "newer-than", chosen.id))
    except OperatorError as error:
        if not force:
            raise
        say(f"what is newer than the backup cannot be told ({error}); going on, as FORCE=1 says")
        return {}


def counts(lines: Iterable[Line]) -> dict[str, int]:
    """The tables that have newer rows, from what `jobs newer-than` prints."""
    return {str(table): rows for line in lines for table, rows in line.items() if isinstance(rows, int) and rows}


def agree(chosen: Backup, newer: Mapping[str, int], stack: str, *, force: bool, yes: bool) -> bool:
    """Makes sure that the operator means it. Returns whether newer data may be lost.

    Raises OperatorError where it would be, or where nobody can be asked, and nobody said so beforehand.
    """
    lost = f"the live database has what the backup of {chosen.when} UTC has not: {_told(newer)}" if newer else ""
    if force:
        if lost:
            say(f"{lost}; it is put aside, as FORCE=1 says")
        return True
    if yes or not sys.stdin.isatty():
        if lost:
            raise OperatorError(f"{lost}. Nothing was changed; FORCE=1 puts that aside (YES=1 alone does not)")
        if not yes:
            raise OperatorError(f"this replaces the database of {stack}; without a terminal, say so: YES=1")
        return False
    question = f"{lost[:1].upper()}{lost[1:]}; that is put aside.\n" if lost else ""
    _ask(stack, f"{question}This makes {_described(chosen)} the database of {stack}. ")
    return True


def _ask(stack: str, question: str) -> None:
    if not sys.stdin.isatty():
        raise OperatorError(f"this replaces the database of {stack}; without a terminal, say so: YES=1")
    if input(f"{question}Type {stack} to go on: ").strip() != stack:
        raise OperatorError("nothing was changed")


def _make(site: Site, chosen: Backup, database: str) -> None:
    """Restores the backup into a database beside the live one, and brings that to the stack's schema."""
    say(f"restoring {_described(chosen)} into the database {database}; the API goes on meanwhile")
    job.done(site.jobs, "restore", chosen.id, "--into", database, as_administrator=True)
    _migrate(site, database)


def _migrate(site: Site, database: str) -> None:
    revision = site.migrate(database)
    if revision != site.schema_revision:
        say(
            f"{database} is at the schema {revision}, but the state of {site.stack} says {site.schema_revision}; when "
            f"this is done, `pulumi up -s {site.stack} --replace '{site.migrations_urn}'` puts that right"
        )


def _take_over(site: Site, database: str, last_look: Callable[[], None]) -> None:
    """Makes a database the live one. `last_look` may raise while nobody can write any more."""
    began = time.monotonic()
    say(f"maintenance of {site.stack} begins")
    with site.maintenance():
        last_look()
        kept = kept_name(job.done(site.jobs, "switch", database, as_administrator=True))
        way_back = f"make restore BACK={kept} STACK={site.stack}" if kept else "nothing was live before"
        site.forget_cached()
        if not _healthy(site):
            raise OperatorError(
                f"{database} is the live database now, but {site.health_url} does not call it healthy within "
                f"{HEALTHY_WITHIN:.0f} s. Its log tells why; to go back: {way_back}"
            )
    say(f"maintenance of {site.stack} is over after {time.monotonic() - began:.1f} s")
    if kept:
        say(f"the database before is kept as {kept} until the next restore; to go back to it:\n  {way_back}")


def kept_name(lines: Iterable[Line]) -> str:
    """What `jobs switch` called the database before; empty where there was none."""
    return next((str(line["kept"]) for line in lines if line.get("kept")), "")


def _refuse_late_writes(site: Site, chosen: Backup) -> None:
    newer = newer_than(site, chosen, force=False)
    if newer:
        raise OperatorError(
            f"while the backup was being restored, people wrote: {_told(newer)}. The live database was not replaced; "
            "FORCE=1 puts that aside"
        )


def _healthy(site: Site) -> bool:
    """Waits until the API says that its database is healthy, as often in a row as there are replicas."""
    deadline, good = time.monotonic() + HEALTHY_WITHIN, 0
    while good < site.replicas:
        if time.monotonic() > deadline:
            return False
        good = good + 1 if _database_status(site.health_url) == "healthy" else 0
        time.sleep(0.1)
    return True


def _database_status(health_url: str) -> str:
    asked = urllib.request.Request(health_url, headers={"User-Agent": "nuggetwise-ops"})  # noqa: S310 (our own output)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
            body = answer.read()
    except urllib.error.HTTPError as error:  # the health of a stack whose cache is down is a 503
        body = error.read()
    except OSError:
        return ""
    try:
        health: dict[str, Any] = json.loads(body)
        return str(health["services"]["database"]["status"])
    except (ValueError, KeyError, TypeError):
        return ""


def _told(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} rows of {table}" if count > 1 else f"1 row of {table}" for table, count in rows.items())


def _described(chosen: Backup) -> str:
    return f"backup {chosen.id} ({chosen.when} UTC, {counted(chosen.rows)} rows, schema {chosen.schema_revision})"
