"""A database of Supabase's shape behind a transaction pooler: what is Supabase's stays so, nothing is left behind."""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from app.database import Database
from app.tokens import Principal
from migrations import connection as runner_connection
from migrations.errors import MigrationError
from migrations.revisions import revisions
from migrations.roles import ensure_roles
from migrations.runner import upgrade
from migrations.settings import Settings, Target, settings
from migrations.stopwatch import Stopwatch
from tests.elsewhere.servers import Supabase

from .conftest import Connection, Person

pytestmark = pytest.mark.parametrize("session_settings", ["database_elsewhere"], ids=["supabase"], indirect=True)

SUPABASES_OWN = ["anon", "authenticated", "service_role"]
SERVER_CONNECTIONS = 3  # default_pool_size of the stand-in


def test_policies_ask_supabases_own_function(owner: Connection) -> None:
    rows = owner.execute("""
        SELECT pg_get_userbyid(proowner), prosrc LIKE '%request.jwt.claim.sub%::uuid%', pg_get_userbyid(nspowner)
        FROM pg_proc JOIN pg_namespace AS n ON n.oid = pronamespace WHERE nspname = 'auth'
    """).fetchall()
    assert rows == [("supabase_auth_admin", True, "postgres")]


@pytest.mark.parametrize("role", SUPABASES_OWN)
def test_its_own_roles_reach_none_of_our_tables_and_functions(owner: Connection, role: str) -> None:
    """One of them is above policies, and its default privileges would let all three in."""
    tables = owner.execute(
        """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND has_table_privilege(%s, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')""",
        [role],
    ).fetchall()
    functions = owner.execute(
        """SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            AND has_function_privilege(%s, oid, 'EXECUTE')""",
        [role],
    ).fetchall()
    assert (tables, functions) == ([], [])


def test_nothing_is_taken_from_those_who_were_there_before(owner: Connection) -> None:
    """Supabase's services connect by the rights of PUBLIC, which the roles step takes away on a database of our own."""
    assert owner.execute("""
        SELECT has_database_privilege('authenticator', current_database(), 'CONNECT'),
            pg_get_userbyid(datdba), (SELECT count(*) FROM pg_default_acl WHERE defaclrole <> current_user::regrole)
        FROM pg_database WHERE datname = current_database()
    """).fetchone() == (True, "customer", 6)


def test_the_roles_step_may_be_repeated_by_the_customer(migrated: Settings, supabase: Supabase) -> None:
    ensure_roles(replace(migrated, admin=Target.parse("ADMIN_DATABASE_URL", supabase.admin_url)), Stopwatch())
    assert upgrade(migrated, revisions(), Stopwatch()).applied == []


def test_an_administrator_who_may_not_grant_what_is_needed_is_told(migrated: Settings, supabase: Supabase) -> None:
    name, password = f"lesser_{secrets.token_hex(4)}", secrets.token_hex(8)
    owner, api = f"{name}_owner", f"{name}_api"
    with psycopg.connect(supabase.admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'".encode())
    given = settings(
        {
            "ADMIN_DATABASE_URL": supabase.direct(name, password),
            "OWNER_DATABASE_URL": supabase.direct(owner, password),
            "DATABASE_URL": supabase.pooled(api, password),
        }
    )
    with pytest.raises(MigrationError, match="CREATE ON SCHEMA public, USAGE ON SCHEMA auth in the database supabase"):
        ensure_roles(given, Stopwatch())


@pytest.mark.parametrize("drops", [False, True], ids=["refuses", "drops"])
def test_the_runner_is_told_to_go_around_a_pooler(
    migrated: Settings, supabase: Supabase, monkeypatch: pytest.MonkeyPatch, drops: bool
) -> None:
    """A strict pooler refuses the runner's timeouts; one that is told to ignore them drops them without a word."""

    def without_options(target: Target, **_: Any) -> Connection:
        return psycopg.connect(target.url, autocommit=True)

    if drops:
        monkeypatch.setattr(runner_connection, "_connected", without_options)
    url = supabase.pooled(migrated.owner.role, migrated.owner.password)
    with pytest.raises(MigrationError, match=f"the URL of {migrated.owner.role} goes through a pooler"):
        upgrade(replace(migrated, owner=replace(migrated.owner, url=url)), revisions(), Stopwatch())


def test_the_pooler_keeps_no_prepared_statement(migrated: Settings) -> None:
    """What the next test is worth: a client that relies on one fails here."""
    with ExitStack() as clients:
        preparing = clients.enter_context(psycopg.connect(migrated.api.url, autocommit=True))
        preparing.execute("SELECT 1", prepare=True)
        # The connection that was used last is the next to be used.
        for _ in range(SERVER_CONNECTIONS - 1):
            clients.enter_context(psycopg.connect(migrated.api.url)).execute("SELECT")
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            preparing.execute("SELECT 1", prepare=True)


@pytest.fixture
async def database(migrated: Settings) -> AsyncIterator[Database]:
    database = Database(migrated.api.url, size=4 * SERVER_CONNECTIONS)
    await database.open()
    yield database
    await database.close()


async def test_many_at_once_share_few_connections_and_nobody_sees_anothers_rows(
    database: Database, owner: Connection, new_person: Callable[[], Person]
) -> None:
    people = [new_person() for _ in range(8)]

    async def look(person: Person) -> bool:
        principal = Principal(person.id, person.id, int(time.time()) + 60)
        if random.random() < 0.5:  # noqa: S311
            rows = await database.read_as_user(principal, "SELECT id FROM users", {}, tuple_row)
            return rows == [(person.id,)]
        async with database.as_user(principal) as connection:
            await connection.execute("UPDATE users SET v0_api_key = %s", [person.email])
            rows = await (await connection.execute("SELECT id, v0_api_key FROM users")).fetchall()
        return rows == [(person.id, person.email)]

    seen = await asyncio.gather(*(look(person) for person in people * 20))
    assert seen == [True] * len(seen)
    assert database.pool_state().size > SERVER_CONNECTIONS
    used = owner.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'nuggetwise_api'").fetchone()
    assert used == (SERVER_CONNECTIONS,)
    for person in people:
        kept = owner.execute("SELECT v0_api_key FROM users WHERE id = %s", [person.id]).fetchone()
        assert kept == (person.email,)


async def test_what_a_transaction_set_is_on_none_of_the_connections_after_it(
    database: Database, migrated: Settings, alice: Person
) -> None:
    principal = Principal(alice.id, alice.id, int(time.time()) + 60)
    async with AsyncExitStack() as at_once:
        for _ in range(SERVER_CONNECTIONS):
            await at_once.enter_async_context(database.as_user(principal))
    query = "SELECT current_setting('request.jwt.claims', true), current_setting('statement_timeout'), pg_backend_pid()"
    with ExitStack() as at_once:
        found: list[tuple[object, ...]] = []
        for _ in range(SERVER_CONNECTIONS):
            client = at_once.enter_context(psycopg.connect(migrated.api.url))
            found += client.execute(query).fetchall()
    assert {row[:2] for row in found} == {("", "30s")}
    assert len({row[2] for row in found}) == SERVER_CONNECTIONS
