"""A runner that is killed half-way: what it had begun ends with it, and the next run goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest

from migrations.revisions import PACKAGE
from migrations.settings import Settings

from .conftest import AddRevision, environment_of, history, run, value

RUN = """
import os, sys
from pathlib import Path
from migrations.revisions import revisions
from migrations.runner import upgrade
from migrations.settings import settings
from migrations.stopwatch import Stopwatch
upgrade(settings(os.environ), revisions(Path(sys.argv[1])), Stopwatch())
"""

AT_WORK = b"""
    SELECT pid FROM pg_stat_activity
    WHERE application_name LIKE 'nuggetwise-migrations%' AND datname = current_database() AND state = 'active'
        AND query NOT LIKE '%pg_blocking_pids%'
"""


def eventually(given: Settings, query: bytes) -> object:
    """What the query answers with, as soon as it is neither null nor false."""
    end = time.monotonic() + 20
    while not (found := value(given, query)):
        assert time.monotonic() < end, f"never: {query.decode()}"
        time.sleep(0.02)
    return found


@pytest.fixture
def killed_run(empty: Settings, versions: Path) -> Generator[Callable[[bytes], None]]:
    """Start a run in a process of its own and kill it as soon as a query answers with true."""
    started: list[subprocess.Popen[bytes]] = []

    def kill_when(query: bytes) -> None:
        command = [sys.executable, "-c", RUN, str(versions)]
        process = subprocess.Popen(command, cwd=PACKAGE.parent, env=environment_of(empty))
        started.append(process)
        eventually(empty, query)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(timeout=10) == -signal.SIGKILL

    yield kill_when
    for process in started:
        process.kill()
        process.wait(timeout=10)


def test_killed_in_a_transaction_it_leaves_nothing_and_the_next_run_waits_for_its_end(
    empty: Settings,
    versions: Path,
    add_revision: AddRevision,
    killed_run: Callable[[bytes], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_revision("0002_half", 'op.execute("CREATE TABLE half ()")\n    op.execute("SELECT pg_sleep(300)")')
    killed_run(b"SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)' AND state = 'active'")
    survivor = value(empty, AT_WORK)
    assert survivor, "the server does not know yet that its client is gone"
    add_revision("0002_half", 'op.execute("CREATE TABLE whole ()")')
    started = time.monotonic()
    assert run(empty, versions).applied == ["0002"]
    assert time.monotonic() - started < 15
    assert f"waiting for another runner: pid {survivor} (nuggetwise-migrations 1.2.3)" in capsys.readouterr().err
    assert value(empty, b"SELECT to_regclass('half')") is None
    assert value(empty, b"SELECT to_regclass('whole')") == "whole"


def test_killed_while_it_builds_an_index_the_next_run_removes_what_is_invalid_and_builds_it_anew(
    empty: Settings,
    versions: Path,
    add_revision: AddRevision,
    killed_run: Callable[[bytes], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_revision("0002_things", 'op.execute("CREATE TABLE things AS SELECT 1 AS n")')
    run(empty, versions)
    add_revision("0003_index", 'create_index("things_idx", "things", "(n)")')
    invalid = b"SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('things_idx')"
    with psycopg.connect(empty.owner.url) as writer:
        writer.execute("INSERT INTO things VALUES (2)")  # which the build waits for
        killed_run(invalid)
        eventually(empty, b"SELECT NOT EXISTS (" + AT_WORK + b")")
        assert value(empty, invalid) is True
        assert history(empty).revision == "0002"
    assert run(empty, versions).applied == ["0003"]
    assert value(empty, invalid) is False
    assert "things_idx was left invalid by a run that was cut short" in capsys.readouterr().err


def test_killed_between_two_partitions_the_next_run_keeps_the_index_that_is_done(
    empty: Settings, versions: Path, add_revision: AddRevision, killed_run: Callable[[bytes], None]
) -> None:
    parts = "; ".join(
        f"CREATE TABLE things_{n} PARTITION OF things FOR VALUES FROM ({n}) TO ({n + 1})" for n in range(3)
    )
    add_revision(
        "0002_things",
        f'op.execute("CREATE TABLE things (n integer) PARTITION BY RANGE (n); {parts}")',
    )
    run(empty, versions)
    add_revision("0003_index", 'create_partitioned_index("things_idx", "things", "(n)")')
    with psycopg.connect(empty.owner.url) as writer:
        writer.execute("INSERT INTO things_1 VALUES (1)")
        killed_run(b"SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('things_1_idx')")
    first = value(empty, b"SELECT 'things_0_idx'::regclass::oid::integer")
    assert run(empty, versions).applied == ["0003"]
    assert value(empty, b"SELECT 'things_0_idx'::regclass::oid::integer") == first, "it is not built twice"
    assert value(empty, b"SELECT count(*) FROM pg_inherits WHERE inhparent = 'things_idx'::regclass") == 3
    assert value(empty, b"SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


def test_killed_in_a_backfill_the_next_run_does_only_what_is_left(
    empty: Settings, versions: Path, add_revision: AddRevision, killed_run: Callable[[bytes], None]
) -> None:
    add_revision(
        "0002_things",
        'op.execute("CREATE TABLE things (id integer PRIMARY KEY, done boolean, times integer DEFAULT 0);'
        ' INSERT INTO things SELECT generate_series(1, 1000)")',
    )
    run(empty, versions)

    def filled(pause: float) -> str:
        return f"""backfill("public.things", '''
        UPDATE public.things SET done = true, times = times + 1
        WHERE id BETWEEN :first AND :last AND done IS NULL AND (SELECT pg_sleep({pause})) IS NOT NULL
    ''', batch=100)"""

    add_revision("0003_fill", filled(0.3))
    done = b"SELECT count(*) FROM things WHERE done"
    killed_run(b"SELECT count(*) >= 200 FROM things WHERE done")
    assert 200 <= int(str(value(empty, done))) < 1000
    assert history(empty).revision == "0002"
    add_revision("0003_fill", filled(0))
    assert run(empty, versions).applied == ["0003"]
    assert value(empty, b"SELECT count(*) FILTER (WHERE times = 1) FROM things") == 1000, "each row once"
