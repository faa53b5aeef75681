"""The runner: what it applies, what it refuses, and what a failure leaves behind."""

from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest

from migrations import connection, runner
from migrations.errors import MigrationError
from migrations.history import History
from migrations.lock import only_runner
from migrations.revisions import revisions
from migrations.runner import Report, upgrade
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch

AddRevision = Callable[[str, str], Path]


def run(given: Settings, versions: Path) -> Report:
    return upgrade(given, revisions(versions), Stopwatch())


def value(given: Settings, query: bytes) -> object:
    """The one value that a query of the owner's answers with."""
    with psycopg.connect(given.owner.url) as owner:
        row = owner.execute(query).fetchone()
    return row and row[0]


def history(given: Settings) -> History:
    with psycopg.connect(given.owner.url) as owner:
        return History.read(owner)


def test_what_is_applied_is_recorded_with_its_checksum_and_release(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision("0002_things", 'op.execute("CREATE TABLE things (n integer)")')
    report = run(empty, versions)
    assert (report.schema_revision, report.applied) == ("0002", ["0001", "0002"])
    assert history(empty) == History("0002", {each.id: each.checksum for each in revisions(versions)})
    assert value(empty, b"SELECT DISTINCT applied_by_release FROM migration_history") == "1.2.3"


def test_with_nothing_pending_nobody_is_waited_for(empty: Settings, versions: Path) -> None:
    run(empty, versions)
    with only_runner(empty, empty.owner):
        report = run(empty, versions)
    assert (report.schema_revision, report.applied) == ("0001", [])


def test_time_of_the_database_is_reported(empty: Settings, versions: Path) -> None:
    assert run(empty, versions).database_ms > 0
    assert '"database_ms": ' in run(empty, versions).to_json()


def test_an_edited_revision_stops_the_run_before_it_does_anything(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    edited = add_revision("0002_things", 'op.execute("CREATE TABLE things (n integer)")')
    run(empty, versions)
    before = history(empty).checksums["0002"]
    edited.write_text(edited.read_text() + "# edited\n")
    add_revision("0003_more", 'op.execute("CREATE TABLE more (n integer)")')
    with pytest.raises(MigrationError, match=r"0002_things.py was changed") as caught:
        run(empty, versions)
    assert before in str(caught.value)
    assert revisions(versions)[1].checksum in str(caught.value)
    assert value(empty, b"SELECT to_regclass('more')") is None


def test_an_older_release_leaves_a_newer_database_as_it_is(
    empty: Settings, versions: Path, add_revision: AddRevision, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = add_revision("0002_things", 'op.execute("CREATE TABLE things (n integer)")')
    run(empty, versions)
    newest.unlink()
    report = run(empty, versions)
    assert (report.schema_revision, report.applied) == ("0002", [])
    assert "the database is at 0002, past this release's 0001: left as it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "sqlstate"),
    [
        ('op.execute("SELECT 1 / 0")', "22012"),
        ('op.execute("CREATE INDEX CONCURRENTLY i ON things (n)")', "25001"),
        ('with op.get_context().autocommit_block(): op.execute("LOCK TABLE things")', "25P01"),
    ],
)
def test_a_broken_revision_leaves_the_earlier_state_and_can_be_mended(
    body: str, sqlstate: str, empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision("0002_things", 'op.execute("CREATE TABLE things (n integer)")')
    add_revision("0003_broken", f'op.execute("ALTER TABLE things ADD m integer")\n    {body}')
    with pytest.raises(MigrationError, match=rf"0003_broken.py failed \({sqlstate}\)"):
        run(empty, versions)
    assert history(empty).revision == "0002"
    add_revision("0003_broken", 'op.execute("ALTER TABLE things ADD IF NOT EXISTS m integer")')
    assert run(empty, versions).applied == ["0003"]


def test_a_transactional_revision_is_undone_as_a_whole(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision("0002_broken", 'op.execute("CREATE TABLE things ()")\n    op.execute("SELECT 1 / 0")')
    with pytest.raises(MigrationError):
        run(empty, versions)
    assert value(empty, b"SELECT to_regclass('things')") is None


def test_an_index_left_invalid_is_dropped_and_built_again(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision("0002_things", 'op.execute("CREATE TABLE things AS SELECT 0 AS n")')
    add_revision("0003_index", 'create_index("things_idx", "things", "((1 / n))")')
    with pytest.raises(MigrationError, match="division by zero"):
        run(empty, versions)
    is_valid = b"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('things_idx')"
    assert value(empty, is_valid) is False
    with psycopg.connect(empty.owner.url) as owner:
        owner.execute("UPDATE things SET n = 1")
    assert run(empty, versions).applied == ["0003"]
    assert value(empty, is_valid) is True


def test_an_index_of_partitions_goes_on_where_it_was_cut_short(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    parts = "; ".join(
        f"CREATE TABLE things_{n} PARTITION OF things FOR VALUES FROM ({n}) TO ({n + 1})" for n in range(3)
    )
    add_revision(
        "0002_things",
        f'op.execute("CREATE TABLE things (n integer, m integer) PARTITION BY RANGE (n); {parts};'
        ' INSERT INTO things VALUES (0, 1), (1, 0), (2, 1)")',
    )
    add_revision("0003_index", 'create_partitioned_index("things_idx", "things", "((1 / m))")')
    with pytest.raises(MigrationError, match="division by zero"):
        run(empty, versions)
    attached = b"SELECT count(*) FROM pg_inherits WHERE inhparent = 'things_idx'::regclass"
    assert value(empty, attached) == 1, "the first partition is done"
    with psycopg.connect(empty.owner.url) as owner:
        owner.execute("UPDATE things SET m = 1")
        # Meanwhile the upkeep made a partition, which brings its index with it.
        owner.execute("CREATE TABLE things_3 PARTITION OF things FOR VALUES FROM (3) TO (4)")
    assert run(empty, versions).applied == ["0003"]
    assert value(empty, attached) == 4
    assert value(empty, b"SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    assert value(empty, b"SELECT count(*) FROM pg_indexes WHERE tablename LIKE 'things_%'") == 4


@pytest.fixture
def blocker(
    empty: Settings, versions: Path, add_revision: AddRevision, monkeypatch: pytest.MonkeyPatch
) -> Generator[psycopg.Connection]:
    """Holds a lock that the next revision, 0003, waits for."""
    add_revision("0002_things", 'op.execute("CREATE TABLE things (n integer)")')
    run(empty, versions)
    add_revision("0003_more", 'op.execute("ALTER TABLE things ADD m integer")')
    monkeypatch.setitem(connection.TIMEOUTS, "lock_timeout", "50ms")
    monkeypatch.setattr(runner, "BACKOFF_SECONDS", 0)
    with psycopg.connect(empty.owner.url) as blocking:
        blocking.execute("LOCK TABLE things IN ACCESS SHARE MODE")
        yield blocking


def test_an_awaited_lock_is_tried_again_until_it_is_free(
    empty: Settings, versions: Path, blocker: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def log(line: str) -> None:
        lines.append(line)
        if "attempt 2 of" in line:
            blocker.rollback()

    monkeypatch.setattr(runner, "log", log)
    assert run(empty, versions).applied == ["0003"]
    assert [line for line in lines if "attempt" in line] == [
        f"0003 more … a lock was not free, attempt {n} of {runner.ATTEMPTS}" for n in (1, 2)
    ]


@pytest.mark.usefixtures("blocker")
def test_a_lock_that_stays_taken_fails_the_run_in_the_end(empty: Settings, versions: Path) -> None:
    with pytest.raises(MigrationError, match=r"0003_more.py failed \(55P03\)"):
        run(empty, versions)
    assert history(empty).revision == "0002"


def test_timeouts_outlive_what_a_revision_sets_and_resets(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision(
        "0002_timeouts",
        'op.execute("SET lock_timeout = 0")\n    op.execute("RESET lock_timeout")\n    '
        "op.execute(\"CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS lock_timeout\")",
    )
    run(empty, versions)
    assert value(empty, b"SELECT lock_timeout FROM seen") == "5s"


def test_an_auth_uid_that_is_there_is_left_as_it_is(empty: Settings) -> None:
    with psycopg.connect(empty.owner.url) as owner:
        owner.execute("CREATE SCHEMA auth")
        owner.execute("CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql RETURN gen_random_uuid()")
    upgrade(empty, revisions(), Stopwatch())
    source = value(empty, b"SELECT pg_get_functiondef('auth.uid'::regproc)")
    assert "gen_random_uuid" in str(source)
