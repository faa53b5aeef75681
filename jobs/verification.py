"""Whether what came back is what had been backed up."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jobs import contents, restoration, scratch
from jobs.contents import Contents
from jobs.errors import BrokenBackup
from jobs.manifest import Manifest
from jobs.scratch import Scratch
from jobs.stand_in import stand_in
from jobs.store import Store
from migrations.connection import Connection
from migrations.log import log

SHOWN: Final = 5
READABLE: Final = """
    SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND has_schema_privilege(n.oid, 'USAGE')
        AND has_any_column_privilege(c.oid, 'SELECT')
    ORDER BY 1, 2
"""


def verify(store: Store, manifest: Manifest, identities: str, folder: Path) -> None:
    """Restores a backup into a server of its own, and compares. Raises JobError, of a bad backup BrokenBackup."""
    dump = restoration.fetch(store, manifest, identities, folder)
    with scratch.server(folder) as server:
        server.prepare(manifest.owner, manifest.api_role)
        if not dump.brings_auth:
            with server.connect(scratch.ADMIN) as admin:
                stand_in(admin, manifest.owner, manifest.api_role)
        restoration.load(dump, server.login(manifest.owner), folder)
        log(f"comparing what was restored of {manifest.id} …")
        with server.connect(manifest.owner) as owner:
            compare(owner, manifest)
        _closed_to_the_api(server, manifest)


def compare(owner: Connection, manifest: Manifest) -> None:
    """Raises BrokenBackup, which names what differs."""
    found = differences(manifest.contents, contents.read(owner))
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise BrokenBackup(f"what came back is not what was backed up: {'; '.join(found[:SHOWN])}{more}")


def differences(expected: Contents, found: Contents) -> list[str]:
    """Each difference in words."""
    return [
        *_rows(expected.tables, found.tables),
        *(
            f"{name} of the schema differ"
            for name, digest in expected.facts.items()
            # A later release may describe more than this one knows.
            if name in found.facts and found.facts[name] != digest
        ),
        *(
            [f"the schema is at {found.schema_revision} instead of {expected.schema_revision}"]
            if found.schema_revision != expected.schema_revision
            else []
        ),
    ]


def _rows(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    return [
        f"{name}: {_count(found.get(name))} instead of {_count(expected.get(name))}"
        for name in sorted({*expected, *found})
        if found.get(name) != expected.get(name)
    ]


def _count(rows: int | None) -> str:
    return "no such table" if rows is None else f"{rows:,} rows"


def _closed_to_the_api(server: Scratch, manifest: Manifest) -> None:
    """The API's role without a claim sees nobody's rows."""
    with server.connect(manifest.api_role) as api:
        open_ = sees(api)
    if open_:
        raise BrokenBackup(f"{manifest.api_role} sees rows of {', '.join(open_)} without saying whose")


def sees(connection: Connection) -> list[str]:
    """The tables of which a session that makes no claim sees any row."""
    readable = [contents.Table(str(schema), str(name), False) for schema, name in connection.execute(READABLE)]
    return [str(table) for table in readable if contents.any_row(connection, table)]
