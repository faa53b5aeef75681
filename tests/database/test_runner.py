"""The runner: what it applies, what it refuses, and what a failure leaves behind."""

from pathlib import Path

import psycopg
import pytest

from migrations.errors import MigrationError
from migrations.history import History
from migrations.revisions import revisions
from migrations.runner import upgrade
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch

from .conftest import AddRevision, history, run, value


def test_what_is_applied_is_recorded_with_its_checksum_and_release(
    empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    add_revision("0002_things", 'op.execute("CREATE TABLE things (n integer)")')
    report = run(empty, versions)
    assert (report.schema_revision, report.applied) == ("0002", ["0001", "0002"])
    assert history(empty) == History("0002", {each.id: each.checksum for each in revisions(versions)})
    assert value(empty, b"SELECT DISTINCT applied_by_release FROM migration_history") == "1.2.3"


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


@pytest.mark.parametrize("undo", ["RESET ALL", "SET lock_timeout = 0; RESET lock_timeout", "DISCARD ALL"])
def test_timeouts_outlive_what_a_revision_sets_and_resets(
    undo: str, empty: Settings, versions: Path, add_revision: AddRevision
) -> None:
    names = ("lock_timeout", "statement_timeout", "idle_session_timeout", "client_connection_check_interval")
    columns = ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    statements = "\n        ".join(f'op.execute("{statement}")' for statement in undo.split("; "))
    add_revision(
        "0002_timeouts",
        f"with op.get_context().autocommit_block():\n        {statements}\n"
        f'        op.execute("CREATE TABLE seen AS SELECT {columns}")',
    )
    run(empty, versions)
    assert value(empty, b"SELECT seen::text FROM seen") == "(500ms,15min,0,2s)"


def test_an_auth_uid_that_is_there_is_left_as_it_is(empty: Settings) -> None:
    with psycopg.connect(empty.owner.url) as owner:
        owner.execute("CREATE SCHEMA auth")
        owner.execute("CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql RETURN gen_random_uuid()")
    upgrade(empty, revisions(), Stopwatch())
    source = value(empty, b"SELECT pg_get_functiondef('auth.uid'::regproc)")
    assert "gen_random_uuid" in str(source)
