"""A migration that waits for somebody's lock: briefly, again and again, and it says for whom."""

import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest

from migrations import blockers, connection, runner
from migrations.errors import MigrationError
from migrations.settings import Settings

from .conftest import AddRevision, Server, history, run, value

# What a client may have written into a statement.
PRIVATE = b"SELECT 'hunter2' FROM things"


@pytest.fixture
def things(empty: Settings, versions: Path, add_revision: AddRevision, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that the next revision, 0003, alters; the runner is made impatient."""
    add_revision(
        "0002_things",
        'op.execute("CREATE TABLE things (n integer); CREATE TABLE others (n integer)")\n    '
        f'op.execute("GRANT SELECT, INSERT ON things, others TO {empty.api.role}")',
    )
    run(empty, versions)
    add_revision("0003_more", 'op.execute("ALTER TABLE things ADD m integer")')
    monkeypatch.setattr(runner, "BACKOFF_SECONDS", 0.02)


@pytest.fixture
def reader(things: None, empty: Settings) -> Generator[psycopg.Connection]:
    """A session of the API's that reads the table, and then leaves its transaction open."""
    with psycopg.connect(empty.api.url, application_name="nuggetwise-api") as reading:
        reading.execute(PRIVATE)
        yield reading


@pytest.fixture
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ATTEMPTS", 2)


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


IT_WAITS = "wait_event_type = 'Lock'"


RUNNERS = "pg_stat_activity WHERE application_name LIKE 'nuggetwise-migrations%' AND datname = current_database()"


def until(given: Settings, condition: str) -> None:
    """Returns when the condition holds of a session of the runner's."""
    until_there_is(given, f"{RUNNERS} AND {condition}")


def until_there_is(given: Settings, rows: str) -> None:
    query = f"SELECT count(*) FROM {rows}"
    end = time.monotonic() + 20
    while value(given, query.encode()) == 0:
        assert time.monotonic() < end, f"never: {rows}"
        time.sleep(0.01)


def longest_wait(given: Settings, migration: threading.Thread) -> float:
    """Seconds that one who writes all through a migration waits at the most."""
    waits: list[float] = []
    with psycopg.connect(given.api.url, autocommit=True) as writer:
        while migration.is_alive():
            started = time.monotonic()
            writer.execute("INSERT INTO things VALUES (1)")
            waits.append(time.monotonic() - started)
    return max(waits)


def test_an_awaited_lock_is_tried_again_until_it_is_free(
    empty: Settings, versions: Path, reader: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def log(line: str) -> None:
        lines.append(line)
        if "attempt 2 of" in line:
            reader.rollback()

    monkeypatch.setattr(runner, "log", log)
    assert run(empty, versions).applied == ["0003"]
    pid = reader.info.backend_pid
    assert [line.partition(";")[0] for line in lines if "attempt" in line] == [
        f"0003 more … a lock was not free, attempt {n} of {runner.ATTEMPTS}" for n in (1, 2)
    ]
    assert all(f"in the way: pid {pid} (nuggetwise-api)" in line for line in lines if "attempt" in line)


@pytest.mark.usefixtures("few_attempts")
def test_a_lock_that_stays_taken_fails_the_run_and_names_who_has_it(
    empty: Settings, versions: Path, reader: psycopg.Connection
) -> None:
    with pytest.raises(MigrationError) as caught:
        run(empty, versions)
    told = str(caught.value)
    assert told.startswith("0003_more.py failed (55P03): canceling statement due to lock timeout")
    assert f"in the way: pid {reader.info.backend_pid} (nuggetwise-api) of {empty.api.role} from " in told
    assert ", idle in transaction, transaction begun 00:00:0" in told
    assert ", last statement 00:00:0" in told
    assert "statement: ALTER TABLE things ADD m integer" in told
    assert "SELECT pg_terminate_backend(pid)" in told
    assert "hunter2" not in told
    assert history(empty).revision == "0002"


@pytest.mark.usefixtures("few_attempts", "things")
def test_what_the_owner_may_not_see_of_a_superuser_s_session_is_said_to_be_hidden(
    empty: Settings, versions: Path, server: Server
) -> None:
    url = server.admin_url.rpartition("/")[0] + f"/{empty.owner.database}"
    with psycopg.connect(url) as person:
        person.execute(PRIVATE)
        with pytest.raises(MigrationError) as caught:
            run(empty, versions)
        pid, role = person.info.backend_pid, person.info.user
    assert f"in the way: pid {pid} (nameless) of {role}, whose state {empty.owner.role} may not see" in str(
        caught.value
    )


@pytest.fixture
def autovacuum(server: Server, empty: Settings, things: None) -> Generator[None]:
    """Autovacuum at work on the table, as slowly as it can be told to."""
    with server.admin() as admin, psycopg.connect(empty.owner.url, autocommit=True) as owner:
        admin.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        admin.execute("SELECT pg_reload_conf()")
        owner.execute(
            "ALTER TABLE things SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,"
            " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,"
            " autovacuum_analyze_threshold = 1000000000)"
        )
        owner.execute("INSERT INTO things SELECT generate_series(1, 100000)")
        owner.execute("DELETE FROM things")
        try:
            until_there_is(empty, "pg_locks WHERE relation = 'things'::regclass AND mode = 'ShareUpdateExclusiveLock'")
            yield
        finally:
            admin.execute("ALTER SYSTEM RESET autovacuum_naptime")
            admin.execute("SELECT pg_reload_conf()")


@pytest.mark.usefixtures("autovacuum")
def test_autovacuum_gives_way_without_a_writer_waiting_for_it(
    empty: Settings, versions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longest = longest_wait(empty, in_background(lambda: run(empty, versions)))
    assert history(empty).revision == "0003"
    assert longest < 1.0
    told = capsys.readouterr().err
    assert "attempt 1 of" in told
    assert "of the server itself, such as autovacuum" in told
    assert "attempt 4 of" not in told


@pytest.mark.usefixtures("reader", "few_attempts")
def test_a_writer_behind_a_waiting_migration_is_through_within_a_second(empty: Settings, versions: Path) -> None:
    def fails() -> None:
        with pytest.raises(MigrationError):
            run(empty, versions)

    migration = in_background(fails)
    until(empty, IT_WAITS)
    assert 0.1 < longest_wait(empty, migration) < 1.0, "it queues behind the migration, and not for long"


@pytest.mark.usefixtures("things")
def test_where_a_migration_and_a_writer_wait_for_each_other_the_migration_gives_up(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision(
        "0003_more",
        'op.execute("ALTER TABLE others ADD m integer")\n    '
        'op.execute("SELECT pg_sleep(0.2)")\n    op.execute("DROP TABLE things")',
    )
    with psycopg.connect(empty.api.url) as writer:
        writer.execute("INSERT INTO things VALUES (1)")
        migration = in_background(lambda: run(empty, versions))
        until(empty, "query = 'SELECT pg_sleep(0.2)'")
        writer.execute("INSERT INTO others VALUES (1)")  # waits for the migration before that waits for the writer
    migration.join(timeout=20)
    assert history(empty).revision == "0003"


@pytest.mark.usefixtures("things")
def test_an_index_that_waits_for_old_transactions_says_for_which_and_outlives_the_lock_timeout(
    empty: Settings,
    versions: Path,
    add_revision: AddRevision,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_revision("0003_more", 'create_index("things_idx", "things", "(n)")')
    monkeypatch.setitem(connection.TIMEOUTS, "lock_timeout", "100ms")
    monkeypatch.setattr(blockers, "TOLD_AFTER_SECONDS", 0.5)
    with psycopg.connect(empty.api.url, application_name="nuggetwise-api") as writer:
        writer.execute("INSERT INTO things VALUES (1)")
        migration = in_background(lambda: run(empty, versions))
        until(empty, IT_WAITS)
        time.sleep(1.0)
        assert migration.is_alive()
        pid = writer.info.backend_pid
    migration.join(timeout=20)
    told = capsys.readouterr().err
    assert f"still waiting for pid {pid} (nuggetwise-api) of {empty.api.role}" in told
    assert "attempt" not in told
    assert history(empty).revision == "0003"
