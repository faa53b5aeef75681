"""Revisions that fail: nothing of them stays, the message says what to mend, and the next run goes on."""

from collections.abc import Generator
from pathlib import Path

import pytest

from migrations import connection
from migrations.errors import MigrationError
from migrations.settings import Settings

from .conftest import AddRevision, Server, history, run, value

CONCURRENTLY = "CREATE INDEX CONCURRENTLY i ON things (n)"


@pytest.mark.parametrize(
    ("body", "sqlstate", "hint"),
    [
        ('op.execute("SELECT 1 / 0")', "22012", ""),
        (f'op.execute("{CONCURRENTLY}")', "25001", "build indexes with migrations.indexes"),
        (
            f'with op.get_context().autocommit_block(): op.execute("SELECT 1; {CONCURRENTLY}")',
            "25001",
            "several statements in one string are one transaction",
        ),
        (
            'with op.get_context().autocommit_block(): op.execute("LOCK TABLE things")',
            "25P01",
            "take it out of the autocommit_block",
        ),
    ],
)
def test_a_broken_revision_leaves_the_earlier_state_and_can_be_mended(
    body: str, sqlstate: str, hint: str, empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision("0002_things", 'op.execute("CREATE TABLE things (n integer)")')
    add_revision("0003_broken", f'op.execute("ALTER TABLE things ADD m integer")\n    {body}')
    with pytest.raises(MigrationError, match=rf"0003_broken.py failed \({sqlstate}\)") as caught:
        run(empty, versions)
    assert hint in str(caught.value)
    assert history(empty).revision == "0002"
    add_revision("0003_broken", 'op.execute("ALTER TABLE things ADD IF NOT EXISTS m integer")')
    assert run(empty, versions).applied == ["0003"]


def test_a_transactional_revision_is_undone_as_a_whole_and_its_failing_statement_named(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision("0002_broken", 'op.execute("CREATE TABLE things ()")\n    op.execute("""\n SELECT 1 /\n 0""")')
    with pytest.raises(MigrationError) as caught:
        run(empty, versions)
    assert str(caught.value) == "0002_broken.py failed (22012): division by zero\n  statement: SELECT 1 / 0"
    assert value(empty, b"SELECT to_regclass('things')") is None


def test_a_long_statement_is_cut_short_in_the_message(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision("0002_broken", f'op.execute("SELECT 1 / 0 {"+ 1 " * 200}")')
    with pytest.raises(MigrationError) as caught:
        run(empty, versions)
    assert str(caught.value).endswith("+ 1…")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "body",
    [
        "CREATE UNIQUE INDEX people_key ON people (email)",
        "ALTER TABLE people ALTER email SET NOT NULL; INSERT INTO people SELECT NULL, password_hash FROM people",
        "ALTER TABLE people ALTER email TYPE integer USING email::integer",
    ],
)
def test_rows_are_not_quoted(body: str, empty: Settings, versions: Path, add_revision: AddRevision) -> None:
    add_revision(
        "0002_people",
        'op.execute("CREATE TABLE people AS '
        "SELECT 'alice@example.com' AS email, 'a-hash' AS password_hash FROM generate_series(1, 2)\")",
    )
    add_revision("0003_broken", f'op.execute("{body}")')
    with pytest.raises(MigrationError, match=r"0003_broken.py failed \(2") as caught:
        run(empty, versions)
    assert "alice" not in str(caught.value)
    assert "a-hash" not in str(caught.value)


def test_what_depends_on_what_is_told(empty: Settings, versions: Path, add_revision: AddRevision) -> None:
    add_revision("0002_things", 'op.execute("CREATE TABLE things (n integer); CREATE VIEW sums AS TABLE things")')
    add_revision("0003_broken", 'op.execute("DROP TABLE things")')
    with pytest.raises(MigrationError, match="view sums depends on table things"):
        run(empty, versions)


def test_a_statement_that_never_ends_is_ended_and_the_next_run_goes_on(
    empty: Settings, versions: Path, add_revision: AddRevision, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_revision("0002_endless", 'op.execute("CREATE TABLE things ()")\n    op.execute("SELECT pg_sleep(3600)")')
    monkeypatch.setitem(connection.TIMEOUTS, "statement_timeout", "300ms")
    with pytest.raises(MigrationError) as caught:
        run(empty, versions)
    told = str(caught.value)
    assert told.startswith("0002_endless.py failed (57014): canceling statement due to statement timeout")
    assert "statement: SELECT pg_sleep(3600)" in told
    assert "migrations.backfill" in told
    assert value(empty, b"SELECT to_regclass('things')") is None
    add_revision("0002_endless", 'op.execute("CREATE TABLE things ()")')
    assert run(empty, versions).applied == ["0002"]


def test_a_connection_that_is_ended_is_told_and_the_next_run_goes_on(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    ended = add_revision(
        "0002_ended",
        'op.execute("CREATE TABLE things ()")\n    op.execute("SELECT pg_terminate_backend(pg_backend_pid())")',
    )
    with pytest.raises(MigrationError, match=r"0002_ended.py failed \(57P01\): terminating connection"):
        run(empty, versions)
    assert value(empty, b"SELECT to_regclass('things')") is None
    ended.write_text(ended.read_text().replace("pg_terminate_backend(pg_backend_pid())", "1"))
    assert run(empty, versions).applied == ["0002"]


@pytest.fixture
def tiny_disk(server: Server, empty: Settings) -> Generator[str]:
    """A tablespace whose disk of 48 MB is nearly full, by a table `filler` of the administrator's."""
    name = f"{empty.owner.database}_tiny"
    with server.admin() as admin:
        row = admin.execute("SELECT (pg_stat_file('/tiny', missing_ok => true)).isdir").fetchone()
        if row != (True,):
            pytest.skip("needs a server that this test run started: unset TEST_ADMIN_DATABASE_URL")
        admin.execute(f"COPY (SELECT) TO PROGRAM 'mkdir /tiny/{name}'".encode())
        admin.execute(f"CREATE TABLESPACE {name} LOCATION '/tiny/{name}'".encode())
        admin.execute(f"GRANT CREATE ON TABLESPACE {name} TO {empty.owner.role}".encode())
        admin.execute(
            f"CREATE TABLE filler TABLESPACE {name} AS "
            "SELECT repeat('x', 500) AS x FROM generate_series(1, 60000)".encode()
        )
        yield name
        admin.execute("DROP TABLE IF EXISTS filler")
        server.drop_database(empty.owner.database)
        admin.execute(f"DROP TABLESPACE {name}".encode())


def test_a_full_disk_is_told_and_once_there_is_room_the_next_run_goes_on(
    empty: Settings, versions: Path, add_revision: AddRevision, tiny_disk: str, server: Server
) -> None:
    add_revision(
        "0002_large",
        f'op.execute("CREATE TABLE things (x text) TABLESPACE {tiny_disk}")\n    '
        "op.execute(\"INSERT INTO things SELECT repeat('x', 500) FROM generate_series(1, 40000)\")",
    )
    with pytest.raises(MigrationError) as caught:
        run(empty, versions)
    told = str(caught.value)
    assert told.startswith("0002_large.py failed (53100): could not extend file")
    assert "No space left on device" in told
    assert "make room or enlarge the disk, and run again" in told
    assert value(empty, b"SELECT to_regclass('things')") is None
    with server.admin() as admin:
        admin.execute("DROP TABLE filler")
    assert run(empty, versions).applied == ["0002"]
    assert value(empty, b"SELECT count(*) FROM things") == 40000


def test_the_lock_outlives_a_database_that_ends_idle_sessions(
    empty: Settings, versions: Path, add_revision: AddRevision, server: Server
) -> None:
    add_revision(
        "0002_slow",
        'op.execute("SELECT pg_sleep(1)")\n    '
        "op.execute(\"CREATE TABLE seen AS SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' "
        'AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")',
    )
    with server.admin() as admin:
        admin.execute(f"ALTER DATABASE {empty.owner.database} SET idle_session_timeout = '50ms'".encode())
        run(empty, versions)
        admin.execute(f"ALTER DATABASE {empty.owner.database} RESET idle_session_timeout".encode())
    assert value(empty, b"SELECT locks FROM seen") == 2, "the runner's and the work's"
