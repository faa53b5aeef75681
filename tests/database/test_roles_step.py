"""The roles step: safe to repeat, and content with less than a superuser."""

import secrets
from collections.abc import Generator
from dataclasses import replace

import psycopg
import pytest

from migrations.errors import MigrationError
from migrations.revisions import revisions
from migrations.roles import ensure_roles
from migrations.runner import upgrade
from migrations.settings import Settings, settings
from migrations.stopwatch import Stopwatch

from .conftest import Server


@pytest.fixture
def elsewhere(server: Server) -> Generator[Settings]:
    """Roles and a database that do not exist yet, and a master user like that of RDS: no superuser."""
    suffix = secrets.token_hex(4)
    master, owner, api, database = (f"test_{what}_{suffix}" for what in ("master", "o", "a", "db"))
    with server.admin() as admin:
        admin.execute(f"CREATE ROLE {master} LOGIN PASSWORD 'master-secret' CREATEROLE CREATEDB".encode())
    yield settings(
        {
            "ADMIN_DATABASE_URL": server.url(master, "master-secret", "postgres"),
            "OWNER_DATABASE_URL": server.url(owner, "owner-secret", database),
            "DATABASE_URL": server.url(api, "api-secret", database),
        }
    )
    server.drop_database(database)
    for role in (api, owner, master):
        server.drop_role(role)


def test_a_master_user_without_superuser_makes_everything_twice(elsewhere: Settings) -> None:
    for _ in range(2):
        ensure_roles(elsewhere, Stopwatch())
        upgrade(elsewhere, revisions(), Stopwatch())
    with psycopg.connect(elsewhere.api.url) as api:
        assert api.execute("SELECT schema_revision()").fetchone() == (revisions()[-1].id,)
        assert api.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("1min",)
    query = "SELECT pg_get_userbyid(datdba) = current_user FROM pg_database WHERE datname = current_database()"
    with psycopg.connect(elsewhere.owner.url) as owner:
        assert owner.execute(query).fetchone() == (True,)


def test_a_database_that_somebody_else_owns_is_used_and_stays_theirs(elsewhere: Settings, server: Server) -> None:
    assert elsewhere.admin
    database = elsewhere.owner.database
    with psycopg.connect(elsewhere.admin.url, autocommit=True) as master:
        master.execute(f"CREATE DATABASE {database}".encode())
    for _ in range(2):
        ensure_roles(elsewhere, Stopwatch())
        upgrade(elsewhere, revisions(), Stopwatch())
    query = """
        SELECT pg_get_userbyid(datdba), has_database_privilege('public', oid, 'CONNECT')
        FROM pg_database WHERE datname = %s
    """
    with server.admin() as admin:
        assert admin.execute(query, [database]).fetchone() == (elsewhere.admin.role, True)


def test_a_changed_password_replaces_the_old_one(elsewhere: Settings) -> None:
    ensure_roles(elsewhere, Stopwatch())
    url = elsewhere.api.url.replace("api-secret", "another")
    ensure_roles(replace(elsewhere, api=replace(elsewhere.api, url=url, password="another")), Stopwatch())
    psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(elsewhere.api.url)


def test_passwords_are_kept_as_verifiers_and_never_stated(elsewhere: Settings, server: Server) -> None:
    ensure_roles(elsewhere, Stopwatch())
    with server.admin() as admin:
        stored = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [elsewhere.owner.role])
        assert str((stored.fetchone() or [""])[0]).startswith("SCRAM-SHA-256$")


def test_others_may_not_connect(elsewhere: Settings, migrated: Settings, server: Server) -> None:
    ensure_roles(elsewhere, Stopwatch())
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(server.url(migrated.api.role, migrated.api.password, elsewhere.owner.database))


def test_a_superuser_s_name_in_a_url_is_refused_and_the_superuser_left_alone(
    elsewhere: Settings, server: Server
) -> None:
    with server.admin() as admin:
        admin.execute(f"CREATE ROLE {elsewhere.owner.role} SUPERUSER".encode())
        with pytest.raises(MigrationError, match=f"{elsewhere.owner.role} is a superuser"):
            ensure_roles(elsewhere, Stopwatch())
        query = "SELECT rolsuper, rolpassword FROM pg_authid WHERE rolname = %s"
        assert admin.execute(query, [elsewhere.owner.role]).fetchone() == (True, None)


def test_a_url_without_a_password_is_refused(elsewhere: Settings) -> None:
    with pytest.raises(MigrationError, match=f"{elsewhere.owner.role} has no password"):
        ensure_roles(replace(elsewhere, owner=replace(elsewhere.owner, password="")), Stopwatch())


def test_without_an_admin_the_step_is_left_out(elsewhere: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_roles(replace(elsewhere, admin=None), Stopwatch())
    assert "left alone, since ADMIN_DATABASE_URL is not set" in capsys.readouterr().err
