"""The moment that a backup is of, while others write and change the schema."""

from collections.abc import Generator

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from jobs import contents, facts, patience, snapshot
from jobs.contents import Table
from jobs.patience import Patience
from migrations.connection import Connection, connect
from migrations.errors import MigrationError
from migrations.settings import Settings


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.1)


@pytest.fixture
def owner(module_database: Settings) -> Generator[Connection]:
    with psycopg.connect(module_database.owner.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def patient(module_database: Settings) -> Generator[Patience]:
    with (
        connect(module_database.owner, release="test", autocommit=True) as worker,
        connect(module_database.owner, release="test", autocommit=True) as watcher,
    ):
        yield Patience(worker, watcher, 0.3)


def add_person(owner: Connection, name: str) -> None:
    owner.execute("INSERT INTO users (email, password_hash) VALUES (%s, '-')", [f"{name}@example.com"])


def test_what_is_written_after_it_is_not_counted(owner: Connection, patient: Patience) -> None:
    add_person(owner, "before")
    with snapshot.taken(patient) as taken:
        add_person(owner, "after")
        seen = contents.rows(taken.connection, taken.tables)["public.users"]
    assert seen == contents.rows(owner, contents.tables(owner))["public.users"] - 1


def test_no_row_older_than_its_moment_is_missing(
    module_database: Settings, owner: Connection, patient: Patience
) -> None:
    with psycopg.connect(module_database.owner.url) as writing:
        add_person(writing, "in-flight")
        with snapshot.taken(patient) as taken:
            owner.execute("SELECT pg_sleep(0.05)")
            writing.commit()
            seen = taken.connection.execute("SELECT FROM users WHERE email = 'in-flight@example.com'").rowcount
    row = owner.execute("SELECT created_at >= %s FROM users WHERE email = 'in-flight@example.com'", [taken.moment])
    assert (seen, row.fetchone()) == (0, (True,))


def test_each_table_that_holds_rows_is_counted_once(owner: Connection, patient: Patience) -> None:
    owner.execute("CREATE TABLE usage_archive_202101 (LIKE usage)")
    add_person(owner, "counted")
    owner.execute("INSERT INTO usage (user_id, feature) SELECT id, 'install' FROM users LIMIT 1")
    owner.execute("INSERT INTO usage_archive_202101 SELECT * FROM usage")
    try:
        with snapshot.taken(patient) as taken:
            counted = contents.rows(taken.connection, taken.tables)
    finally:
        owner.execute("DROP TABLE usage_archive_202101")
    month = owner.execute("SELECT tableoid::regclass::text FROM usage").fetchone()
    assert month
    assert counted[f"public.{month[0]}"] == 1
    assert counted["public.usage_archive_202101"] == 1
    assert "public.usage" not in counted, "its rows are its partitions'"
    assert {"public.users", "public.migration_history", "public.alembic_version"} <= counted.keys()


def test_a_table_that_comes_after_it_is_left_out(owner: Connection, patient: Patience) -> None:
    with snapshot.taken(patient) as taken:
        owner.execute("CREATE TABLE late ()")
        owner.execute("DROP TABLE late")
        owner.execute("CREATE TABLE later ()")
        counted = contents.rows(taken.connection, taken.tables)
    owner.execute("DROP TABLE later")
    assert not {"public.late", "public.later"} & counted.keys()


def test_no_table_goes_or_changes_before_it_is_dumped(owner: Connection, patient: Patience) -> None:
    owner.execute("CREATE TABLE leaving ()")
    with snapshot.taken(patient) as taken:
        owner.execute("SET lock_timeout = '100ms'")
        for statement in ("DROP TABLE leaving", "ALTER TABLE leaving RENAME TO left_behind"):
            with pytest.raises(LockNotAvailable):
                owner.execute(statement.encode())
        assert contents.rows(taken.connection, taken.tables)["public.leaving"] == 0
    owner.execute("DROP TABLE leaving")


def test_a_table_that_went_just_before_it_could_be_held_is_done_without(
    owner: Connection, patient: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute("CREATE TABLE going ()")
    looked: list[int] = []

    def look(connection: Connection) -> list[Table]:
        found = tables(connection)
        if not looked:
            owner.execute("ALTER TABLE going RENAME TO gone")
        looked.append(len(found))
        return found

    tables = contents.tables
    monkeypatch.setattr(contents, "tables", look)
    with snapshot.taken(patient) as taken:
        names = {str(each) for each in taken.tables}
    owner.execute("DROP TABLE gone")
    assert len(looked) == 2
    assert "public.gone" in names
    assert "public.going" not in names


def test_whoever_keeps_a_table_to_themselves_is_named(
    module_database: Settings, owner: Connection, patient: Patience
) -> None:
    with psycopg.connect(module_database.owner.url, application_name="migrating") as other:
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with (
            pytest.raises(MigrationError, match=r"a lock was not free for 0\.3 s; in the way: pid \d+ \(migrating\)"),
            snapshot.taken(patient),
        ):
            pass


def test_it_outlives_the_server_s_patience_with_idle_transactions(
    module_database: Settings, owner: Connection, patient: Patience
) -> None:
    name = module_database.owner.database
    patient.worker.execute("SET idle_in_transaction_session_timeout = '50ms'")
    with snapshot.taken(patient) as taken:
        owner.execute("SELECT pg_sleep(0.3)")
        assert contents.rows(taken.connection, taken.tables), name


@pytest.mark.parametrize(
    ("part", "statement"),
    [
        ("policies", "ALTER POLICY own_rows ON users USING (true)"),
        ("row security", "ALTER TABLE users DISABLE ROW LEVEL SECURITY"),
        ("row security", "ALTER TABLE users FORCE ROW LEVEL SECURITY"),
        ("grants", "GRANT SELECT ON users TO PUBLIC"),
        ("grants", "GRANT SELECT (password_hash) ON users TO {api}"),
        ("grants", "GRANT EXECUTE ON FUNCTION refresh_entitlement(uuid) TO {api}"),
        ("grants", "GRANT CREATE ON SCHEMA auth TO {api}"),
        ("functions", "ALTER FUNCTION find_login(text) SECURITY INVOKER"),
        ("functions", "ALTER FUNCTION find_login(text) RESET search_path"),
        ("indexes", "DROP INDEX users_email_key"),
        ("constraints", "ALTER TABLE installations DROP CONSTRAINT installations_user_id_fkey"),
        ("triggers", "DROP TRIGGER set_updated_at ON users"),
        ("tables", "ALTER TABLE users ALTER email DROP NOT NULL"),
        ("tables", "ALTER TABLE users ALTER created_at SET DEFAULT '2020-01-01'"),
        ("sequences", "CREATE SEQUENCE more"),
        ("types", "CREATE TYPE mood AS ENUM ('well')"),
        ("views", "CREATE VIEW everyone AS SELECT * FROM users"),
    ],
)
def test_each_change_of_the_schema_is_a_difference(
    module_database: Settings, owner: Connection, part: str, statement: str
) -> None:
    before = facts.facts(owner)
    assert facts.facts(owner) == before
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL search_path = public")
        owner.execute(statement.format(api=module_database.api.role).encode())
        after = facts.facts(owner)
    assert before[part] != after[part]
    others = before.keys() - {part, "tables", "row security", "grants", "indexes"}
    assert {name: before[name] for name in others} == {name: after[name] for name in others}


def test_a_role_above_the_policies_is_a_difference(
    server: object, module_database: Settings, owner: Connection
) -> None:
    assert module_database.admin
    before = facts.facts(owner)["roles"]
    with psycopg.connect(module_database.admin.url, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {module_database.api.role} BYPASSRLS".encode())
        try:
            assert facts.facts(owner)["roles"] != before
        finally:
            admin.execute(f"ALTER ROLE {module_database.api.role} NOBYPASSRLS".encode())
    assert facts.facts(owner)["roles"] == before
