"""The roles step: the owner, the API's role, and the database. Safe to repeat; needs no superuser."""

from typing import LiteralString

from psycopg.sql import SQL, Composable, Identifier, Literal

from migrations.connection import Connection, connect
from migrations.errors import MigrationError
from migrations.lock import only_runner
from migrations.log import log
from migrations.settings import Settings, Target
from migrations.stopwatch import Stopwatch

# Above the API's own timeouts: they end what a lost client left behind.
API_TIMEOUTS = {"statement_timeout": "30s", "idle_in_transaction_session_timeout": "60s"}

IS_ABOVE_POLICIES = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s"

# The builtin locale sorts texts alike everywhere: no index breaks when a restore finds another libc.
CREATE_DATABASE = """
    CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'
    LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'
"""

OWNER_OF_DATABASE = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
MAY_GRANT_AUTH = """
    SELECT has_schema_privilege(to_regnamespace('auth')::oid, 'USAGE WITH GRANT OPTION'),
        pg_has_role(to_regrole('anon')::oid, 'MEMBER WITH ADMIN OPTION')
"""
LACKS = """
    SELECT concat_ws(', ',
        CASE WHEN NOT has_database_privilege(%(owner)s, current_database(), 'CONNECT') THEN 'CONNECT' END,
        CASE WHEN NOT has_schema_privilege(%(owner)s, 'public', 'CREATE') THEN 'CREATE ON SCHEMA public' END,
        CASE WHEN to_regnamespace('auth') IS NULL
            AND NOT has_database_privilege(%(owner)s, current_database(), 'CREATE') THEN 'CREATE ON DATABASE' END,
        CASE WHEN NOT has_schema_privilege(%(owner)s, to_regnamespace('auth')::oid, 'USAGE')
            THEN 'USAGE ON SCHEMA auth' END)
"""


def ensure_roles(settings: Settings, stopwatch: Stopwatch) -> None:
    """Make both roles and the database what they should be, on the server that `settings.admin` reaches."""
    if settings.admin is None:
        log("roles … left alone, since ADMIN_DATABASE_URL is not set")
        return
    api = Identifier(settings.api.role)
    with only_runner(settings, settings.admin) as admin, stopwatch.running():
        for target in (settings.owner, settings.api):
            _ensure_role(admin, target)
        # The owner may see what the API's sessions do (not become the API), to name one that a migration waits for.
        run(admin, "GRANT {} TO {} WITH INHERIT TRUE, SET FALSE", api, Identifier(settings.owner.role))
        for name, value in API_TIMEOUTS.items():
            run(admin, "ALTER ROLE {} SET {} = {}", api, Identifier(name), Literal(value))
        _ensure_database(admin, settings)
    log(f"roles … {settings.owner.role} and {settings.api.role} of {settings.owner.database}")


def _ensure_role(admin: Connection, target: Target) -> None:
    if not target.password:
        raise MigrationError(f"the URL of {target.role} has no password to give it: add one")
    role = Identifier(target.role)
    row = admin.execute(IS_ABOVE_POLICIES, [target.role]).fetchone()
    if row is None:
        run(admin, "CREATE ROLE {} NOSUPERUSER NOBYPASSRLS NOREPLICATION", role)
    elif row == (True,):
        raise MigrationError(f"{target.role} is a superuser or bypasses row-level security: name another role")
    run(admin, "ALTER ROLE {} LOGIN NOCREATEDB NOCREATEROLE PASSWORD {}", role, verifier(admin, target))


def verifier(admin: Connection, target: Target) -> Literal:
    """The password of a role, hashed here, so that it is in no statement and in no log of the server."""
    password, name = target.password.encode(), target.role.encode()
    return Literal(admin.pgconn.encrypt_password(password, name, b"scram-sha-256").decode())


def _ensure_database(admin: Connection, settings: Settings) -> None:
    database, owner = Identifier(settings.owner.database), Identifier(settings.owner.role)
    let_hand_over(admin, owner)
    found = admin.execute(OWNER_OF_DATABASE, [settings.owner.database]).fetchone()
    if found is None:
        run(admin, CREATE_DATABASE, database, owner)
    elif found != (settings.owner.role,):
        _move_in(settings)
        return
    close(admin, database, Identifier(settings.api.role))


def let_hand_over(admin: Connection, owner: Identifier) -> None:
    """What a master user such as RDS's needs to hand a database to its owner."""
    if admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() != (True,):
        run(admin, "GRANT {} TO CURRENT_USER", owner)


def close(admin: Connection, database: Identifier, api: Identifier) -> None:
    """Leaves the database to its owner and the API's role."""
    run(admin, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
    run(admin, "GRANT CONNECT ON DATABASE {} TO {}", database, api)


def _move_in(settings: Settings) -> None:
    """Grants both roles what they need in a database that somebody else owns, such as Supabase's.

    What others may do there stays as it is: a platform's own services connect by the rights of PUBLIC.
    """
    assert settings.admin
    database, owner = Identifier(settings.owner.database), Identifier(settings.owner.role)
    there = settings.admin.of(settings.owner.database)
    with connect(there, release=settings.release, autocommit=True) as admin:
        for role in (owner, Identifier(settings.api.role)):
            run(admin, "GRANT CONNECT ON DATABASE {} TO {}", database, role)
        run(admin, "GRANT USAGE, CREATE ON SCHEMA public TO {}", owner)
        match admin.execute(MAY_GRANT_AUTH).fetchone():
            case (None, _):  # revision 0003 makes it
                run(admin, "GRANT CREATE ON DATABASE {} TO {}", database, owner)
            case (True, _):
                run(admin, "GRANT USAGE ON SCHEMA auth TO {}", owner)
            case (_, True):
                # Supabase lets nobody hand on the schema itself, but the role of its visitors, which sees it.
                run(admin, "GRANT anon TO {}", owner)
            case _:
                pass  # told below
        lacks = admin.execute(LACKS, {"owner": settings.owner.role}).fetchone()
    if lacks != ("",):
        raise MigrationError(
            f"{settings.owner.role} lacks {lacks and lacks[0]} in the database {settings.owner.database}, and "
            f"{settings.admin.role} may not grant it: let the database's owner do so"
        )


def run(admin: Connection, statement: LiteralString, *parts: Composable) -> None:
    admin.execute(SQL(statement).format(*parts))
