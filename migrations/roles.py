"""The roles step: the owner, the API's role, and the database. Safe to repeat; needs no superuser."""

from typing import LiteralString

from psycopg.sql import SQL, Composable, Identifier, Literal

from migrations.connection import Connection
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


def ensure_roles(settings: Settings, stopwatch: Stopwatch) -> None:
    """Make both roles and the database what they should be, on the server that `settings.admin` reaches."""
    if settings.admin is None:
        log("roles … left alone, since ADMIN_DATABASE_URL is not set")
        return
    api = Identifier(settings.api.role)
    with only_runner(settings, settings.admin) as admin, stopwatch.running():
        for target in (settings.owner, settings.api):
            _ensure_role(admin, target)
        for name, value in API_TIMEOUTS.items():
            _run(admin, "ALTER ROLE {} SET {} = {}", api, Identifier(name), Literal(value))
        _ensure_database(admin, settings)
    log(f"roles … {settings.owner.role} and {settings.api.role} of {settings.owner.database}")


def _ensure_role(admin: Connection, target: Target) -> None:
    if not target.password:
        raise MigrationError(f"the URL of {target.role} has no password to give it: add one")
    role = Identifier(target.role)
    row = admin.execute(IS_ABOVE_POLICIES, [target.role]).fetchone()
    if row is None:
        _run(admin, "CREATE ROLE {} NOSUPERUSER NOBYPASSRLS NOREPLICATION", role)
    elif row == (True,):
        raise MigrationError(f"{target.role} is a superuser or bypasses row-level security: name another role")
    # Hashed here, so that the password is in no statement and in no log of the server.
    password, name = target.password.encode(), target.role.encode()
    verifier = Literal(admin.pgconn.encrypt_password(password, name, b"scram-sha-256").decode())
    _run(admin, "ALTER ROLE {} LOGIN NOCREATEDB NOCREATEROLE PASSWORD {}", role, verifier)


def _ensure_database(admin: Connection, settings: Settings) -> None:
    database, owner = Identifier(settings.owner.database), Identifier(settings.owner.role)
    if admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() != (True,):
        # What a master user such as RDS's needs to hand a database to its owner.
        _run(admin, "GRANT {} TO CURRENT_USER", owner)
    if not admin.execute("SELECT FROM pg_database WHERE datname = %s", [settings.owner.database]).rowcount:
        _run(admin, CREATE_DATABASE, database, owner)
    _run(admin, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
    _run(admin, "GRANT CONNECT ON DATABASE {} TO {}", database, Identifier(settings.api.role))


def _run(admin: Connection, statement: LiteralString, *parts: Composable) -> None:
    admin.execute(SQL(statement).format(*parts))
