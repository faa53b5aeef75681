"""A person sees and changes only their own rows, through a role that can do no more than that."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from .conftest import ON_BOTH, Connection, Person

pytestmark = ON_BOTH

Acting = Callable[[Person], AbstractContextManager[Connection]]

KEY = {"users": "id", "installations": "user_id", "usage": "user_id", "subscriptions": "user_id"}
TABLES = list(KEY)
CLOSED = ["stripe_events", "revoked_tokens", "alembic_version", "migration_history"]


def people_seen(connection: Connection, table: str) -> set[object]:
    statement = SQL("SELECT {} FROM {}").format(Identifier(KEY[table]), Identifier(table))
    return {row[0] for row in connection.execute(statement)}


@pytest.mark.parametrize("table", TABLES)
def test_a_person_sees_their_own_rows_and_nobody_else_s(
    table: str, acting_as: Acting, alice: Person, bob: Person
) -> None:
    for person in (alice, bob):
        with acting_as(person) as api:
            assert people_seen(api, table) == {person.id}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("alice")
def test_without_claims_there_is_nothing_to_see(table: str, api: Connection) -> None:
    assert people_seen(api, table) == set()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("claims", ["", "{}", '{"sub": null}', f'{{"sub": "{uuid.UUID(int=1)}"}}'])
def test_claims_of_nobody_show_nothing(table: str, claims: str, api: Connection) -> None:
    with api.transaction():
        api.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])
        assert people_seen(api, table) == set()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("alice")
def test_a_claim_of_nothing_shows_nothing(table: str, api: Connection, on_supabase: bool) -> None:
    """Ours takes it for nobody, Supabase's own auth.uid() for an error."""
    refused = pytest.raises(psycopg.errors.InvalidTextRepresentation) if on_supabase else nullcontext()
    with api.transaction(force_rollback=True), refused:
        api.execute("SELECT set_config('request.jwt.claims', '{\"sub\": \"\"}', true)")
        assert people_seen(api, table) == set()


def test_claims_end_with_their_transaction(acting_as: Acting, api: Connection, alice: Person) -> None:
    with acting_as(alice):
        assert people_seen(api, "users") == {alice.id}
    assert people_seen(api, "users") == set()


def test_the_older_claim_variable_is_read_where_the_newer_is_empty(api: Connection, alice: Person) -> None:
    with api.transaction():
        api.execute("SELECT set_config('request.jwt.claim.sub', %s, true)", [str(alice.id)])
        assert people_seen(api, "users") == {alice.id}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET email = 'taken@example.com' WHERE id = %s",
        "UPDATE users SET v0_api_key = NULL WHERE id = %s",
        "DELETE FROM users WHERE id = %s",
        "UPDATE installations SET status = 'failed' WHERE user_id = %s",
        "DELETE FROM installations WHERE user_id = %s",
    ],
)
def test_nobody_changes_another_s_rows_but_everyone_their_own(
    statement: LiteralString, acting_as: Acting, alice: Person, bob: Person
) -> None:
    with acting_as(alice) as api:
        assert api.execute(statement, [bob.id]).rowcount == 0
        assert api.execute(statement, [alice.id]).rowcount == 1


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO installations (user_id, mcp_config) VALUES (%s, '{}')",
        "INSERT INTO usage (user_id, feature) VALUES (%s, 'install')",
    ],
)
def test_nobody_adds_rows_for_another(statement: LiteralString, acting_as: Acting, alice: Person, bob: Person) -> None:
    with acting_as(alice) as api:
        assert api.execute(statement, [alice.id]).rowcount == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            api.execute(statement, [bob.id])


def test_nobody_gives_a_row_of_theirs_to_another(acting_as: Acting, alice: Person, bob: Person) -> None:
    with (
        acting_as(alice) as api,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
    ):
        api.execute("UPDATE installations SET user_id = %s", [bob.id])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM users",
        "SELECT * FROM users",
        "INSERT INTO users (email, password_hash) VALUES ('new@example.com', 'hash')",
        "UPDATE users SET password_hash = 'hash'",
        "UPDATE users SET subscription_plan = 'pro'",
        "UPDATE users SET subscription_status = 'active'",
        "UPDATE users SET stripe_customer_id = NULL",
        "UPDATE users SET id = gen_random_uuid()",
        "UPDATE usage SET usage_count = 1",
        "DELETE FROM usage",
        "INSERT INTO subscriptions SELECT * FROM subscriptions",
        "UPDATE subscriptions SET plan = 'pro'",
        "DELETE FROM subscriptions",
        "TRUNCATE installations",
        "CREATE TABLE mine ()",
        "CREATE SCHEMA mine",
        "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        "SELECT ensure_usage_partitions(1)",
        "SELECT refresh_entitlement(gen_random_uuid())",
        "SET ROLE postgres",
    ],
)
def test_the_api_s_role_may_not(statement: LiteralString, acting_as: Acting, alice: Person) -> None:
    with acting_as(alice) as api, pytest.raises(psycopg.errors.InsufficientPrivilege):
        api.execute(statement)


def test_the_api_s_role_makes_temporary_tables_only_where_the_public_may(
    acting_as: Acting, alice: Person, on_supabase: bool
) -> None:
    """On Supabase's database everybody may, and its own services connect by the rights of everybody."""
    refused = nullcontext() if on_supabase else pytest.raises(psycopg.errors.InsufficientPrivilege)
    with acting_as(alice) as api, refused:
        api.execute("CREATE TEMPORARY TABLE mine ()")


@pytest.mark.parametrize("table", CLOSED)
@pytest.mark.parametrize("statement", ["SELECT FROM {}", "DELETE FROM {}"])
def test_tables_of_no_person_are_closed_to_the_api_s_role(table: str, statement: str, api: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api.execute(statement.format(table).encode())


@pytest.mark.parametrize("statement", ["SELECT FROM {}", "INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}"])
def test_partitions_are_closed_to_the_api_s_role(statement: str, owner: Connection, api: Connection) -> None:
    found = owner.execute("SELECT relid::regclass::text FROM pg_partition_tree('usage') WHERE isleaf")
    partitions = [str(row[0]) for row in found]
    assert len(partitions) == 14, "from last month to a year ahead"
    for partition in partitions:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute(statement.format(partition).encode())


def test_every_table_has_row_level_security_that_is_not_forced(owner: Connection) -> None:
    tables = owner.execute("""
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND (NOT relrowsecurity OR relforcerowsecurity)
    """).fetchall()
    assert tables == []


def test_the_api_s_role_owns_nothing_and_bypasses_nothing(api: Connection) -> None:
    attributes = "rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
    row = api.execute(f"SELECT {attributes} FROM pg_roles WHERE rolname = current_user".encode()).fetchone()
    assert row == (False,) * 5
    owned = api.execute("SELECT count(*) FROM pg_shdepend WHERE refobjid = current_user::regrole AND deptype = 'o'")
    assert owned.fetchone() == (0,)
    member = api.execute("SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole")
    assert member.fetchone() == (0,)


def test_the_public_may_execute_none_of_our_functions(owner: Connection) -> None:
    functions = owner.execute("""
        SELECT proname FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND (
            proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0)
        )
    """).fetchall()
    assert functions == []


def test_deleting_oneself_removes_all_that_is_one_s_own(
    acting_as: Acting, owner: Connection, alice: Person, bob: Person
) -> None:
    with acting_as(alice) as api:
        api.execute("DELETE FROM users WHERE id = %s", [alice.id])
        # The owner would not see an uncommitted deletion; the constraints are what removes the rest.
        for table in TABLES:
            assert people_seen(api, table) == set()
    owner.execute("DELETE FROM users WHERE id = %s", [alice.id])
    for table in TABLES:
        seen = people_seen(owner, table)
        assert alice.id not in seen
        assert bob.id in seen


def test_updated_at_follows_a_change_and_created_at_does_not(acting_as: Acting, alice: Person) -> None:
    with acting_as(alice) as api:
        api.execute("UPDATE users SET v0_api_key = 'v1:k:x'")
        row = api.execute("SELECT updated_at > created_at FROM users").fetchone()
        assert row == (True,)
