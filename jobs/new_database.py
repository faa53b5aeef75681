"""An empty database beside the live one, for a backup to be restored into; marked until the restore is complete."""

import re
from typing import Final

from psycopg.errors import ObjectInUse
from psycopg.sql import Identifier, Literal

from jobs.errors import JobError
from migrations.connection import Connection
from migrations.roles import CREATE_DATABASE, close, let_hand_over, run, verifier
from migrations.settings import Target

RESTORING: Final = "restoring backup "
RESTORED: Final = "restored from backup "

_FOUND: Final = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
_NAME: Final = r"[a-z_][a-z0-9_]{0,50}"
_MISSING: Final = "SELECT to_regrole(quote_ident(%s)) IS NULL"


def check_name(name: str, live: str) -> None:
    """Raises JobError for a name that is no good, or the live database's own."""
    if not re.fullmatch(_NAME, name):
        raise JobError(f"{name!r} is no name for a database: use up to 51 small letters, digits and _")
    if name in (live, "postgres", "template0", "template1") or name.startswith(f"{live}_before_"):
        raise JobError(f"{name} is not restored into: name a new database, and `switch` to it when it is complete")


def comment(admin: Connection, name: str) -> str | None:
    """A database's comment, which is empty where it has none. None: there is no such database."""
    row = admin.execute(_FOUND, [name]).fetchone()
    return None if row is None else str(row[0] or "")


def create(admin: Connection, name: str, backup: str, owner: Target, api_role: str) -> None:
    """An empty database of the owner's, in place of what an earlier restore of the same backup has left.

    Roles that are missing are made: the owner with its password; the API's without, until the migrations' step sets
    one. Raises JobError when a database of that name is somebody's.
    """
    found = comment(admin, name)
    if found is not None:
        if found not in (RESTORING + backup, RESTORED + backup):
            what = found if found.startswith((RESTORING, RESTORED)) else "not made by a restore"
            raise JobError(f"there is a database {name}, {what}: restore into another name, or drop it first")
        _drop(admin, name, force=found.startswith(RESTORING))
    _ensure_roles(admin, owner, api_role)
    # It bears its name only once it is marked: whatever is killed half-way can be told from somebody's database.
    beside = f"{name}_being_made"
    run(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", Identifier(beside))
    run(admin, CREATE_DATABASE, Identifier(beside), Identifier(owner.role))
    mark(admin, beside, RESTORING + backup)
    close(admin, Identifier(beside), Identifier(api_role))
    run(admin, "ALTER DATABASE {} RENAME TO {}", Identifier(beside), Identifier(name))


def _drop(admin: Connection, name: str, *, force: bool) -> None:
    """Of a restore that was cut short a session may still be there; one that is complete may be in use."""
    try:
        run(admin, "DROP DATABASE {}" + (" WITH (FORCE)" if force else ""), Identifier(name))
    except ObjectInUse as error:
        raise JobError(f"{name} is restored, and in use: restore into another name, or end its sessions") from error


def mark(admin: Connection, name: str, comment: str) -> None:
    run(admin, "COMMENT ON DATABASE {} IS {}", Identifier(name), Literal(comment))


def _ensure_roles(admin: Connection, owner: Target, api_role: str) -> None:
    if admin.execute(_MISSING, [owner.role]).fetchone() == (True,):
        made = "CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOREPLICATION PASSWORD {}"
        run(admin, made, Identifier(owner.role), verifier(admin, owner))
    if admin.execute(_MISSING, [api_role]).fetchone() == (True,):
        run(admin, "CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOREPLICATION", Identifier(api_role))
    let_hand_over(admin, Identifier(owner.role))
