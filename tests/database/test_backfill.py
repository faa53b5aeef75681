"""Backfills: many rows changed in short transactions that stay out of the writers' way."""

import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest

from migrations import backfill
from migrations.errors import MigrationError
from migrations.rendering import rendered
from migrations.revisions import revisions
from migrations.settings import Settings

from .conftest import AddRevision, history, run, value

FILL = """backfill("public.things", '''
        UPDATE public.things SET doubled = n * 2 WHERE {key} BETWEEN :first AND :last AND doubled IS NULL
    ''', key="{key}", batch={batch})"""


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "REST", 0)


@pytest.fixture
def fill(empty: Settings, versions: Path, add_revision: AddRevision) -> Callable[[str, str, int], None]:
    """Make the table `things` by the SQL given, and fill its column `doubled` along a key."""

    def run_both(table: str, key: str, batch: int) -> None:
        add_revision("0002_things", f'op.execute("""{table}""")')
        run(empty, versions)
        add_revision("0003_fill", FILL.format(key=key, batch=batch))
        run(empty, versions)

    return run_both


PLAIN = """
    CREATE TABLE things (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n integer, doubled integer);
    INSERT INTO things (n) SELECT generate_series(1, 1000)
"""
PARTITIONED = """
    CREATE TABLE things (at timestamptz, n integer, doubled integer) PARTITION BY RANGE (at);
    CREATE TABLE things_1 PARTITION OF things FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE things_2 PARTITION OF things FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    CREATE INDEX ON things (at);
    INSERT INTO things
        SELECT '2026-01-01'::timestamptz + make_interval(hours => n / 7), n FROM generate_series(0, 6999) AS n;
    ANALYZE things
"""


@pytest.mark.parametrize(("table", "key"), [(PLAIN, "id"), (PARTITIONED, "at")])
def test_every_row_is_changed_once_in_many_transactions(
    table: str, key: str, fill: Callable[[str, str, int], None], empty: Settings
) -> None:
    fill(table, key, 10)
    assert value(empty, b"SELECT count(*) FROM things WHERE doubled IS DISTINCT FROM n * 2") == 0
    assert int(str(value(empty, b"SELECT count(DISTINCT xmin::text) FROM things"))) > 4


def test_an_empty_table_takes_no_time(fill: Callable[[str, str, int], None], empty: Settings) -> None:
    fill(PLAIN.partition(";")[0], "id", 10)
    assert history(empty).revision == "0003"


def test_progress_is_told_with_the_rate_and_what_is_left(
    fill: Callable[[str, str, int], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(backfill, "REPORT_SECONDS", 0)
    fill(PARTITIONED, "at", 700)
    lines = [line.split() for line in capsys.readouterr().err.splitlines() if "public.things:" in line]
    assert lines[0][:6] == ["public.things:", "700", "of", "about", "7000", "rows,"]
    assert lines[0][6].endswith("/s,")
    assert lines[0][8:] == ["s", "to", "go"]
    assert lines[-1][:3] == ["public.things:", "7000", "rows"]
    assert lines[-1][-2:] == ["7000", "changed"]


def test_batches_shrink_when_they_take_long_and_grow_when_they_do_not(
    monkeypatch: pytest.MonkeyPatch, fill: Callable[[str, str, int], None], empty: Settings
) -> None:
    monkeypatch.setattr(backfill, "BATCH_SECONDS", 60)
    fill(PLAIN, "id", 100)
    sizes = b"SELECT array_agg(c ORDER BY c)::text FROM (SELECT count(*) AS c FROM things GROUP BY xmin::text) AS s"
    assert value(empty, sizes) == "{100,200,300,400}", "100, 200, 400, and the 300 that are left"


def test_a_slow_batch_is_followed_by_a_smaller_one(
    monkeypatch: pytest.MonkeyPatch, fill: Callable[[str, str, int], None], empty: Settings
) -> None:
    monkeypatch.setattr(backfill, "BATCH_SECONDS", 1e-6)
    fill(PLAIN.replace("1000", "60"), "id", 50)
    sizes = b"SELECT array_agg(c ORDER BY c)::text FROM (SELECT count(*) AS c FROM things GROUP BY xmin::text) AS s"
    assert value(empty, sizes) == "{" + "1," * 10 + "50}"


@pytest.fixture
def locked_row(empty: Settings, versions: Path, add_revision: AddRevision) -> Generator[psycopg.Connection]:
    """A writer who keeps a row that the next revision is to fill."""
    add_revision("0002_things", f'op.execute("""{PLAIN}""")')
    run(empty, versions)
    add_revision("0003_fill", FILL.format(key="id", batch=1000))
    with psycopg.connect(empty.owner.url) as writer:
        writer.execute("UPDATE things SET n = 0 WHERE n = 500")
        yield writer


def test_a_row_that_is_locked_holds_nobody_up_and_is_filled_in_the_end(
    locked_row: psycopg.Connection, empty: Settings, versions: Path
) -> None:
    filling = threading.Thread(target=lambda: run(empty, versions))
    filling.start()
    end = time.monotonic() + 3
    with psycopg.connect(empty.owner.url, autocommit=True) as other:
        waits: list[float] = []
        while time.monotonic() < end:
            started = time.monotonic()
            other.execute("SELECT FROM things WHERE n = 1 FOR UPDATE")
            waits.append(time.monotonic() - started)
            time.sleep(0.05)
    assert 0.1 < max(waits) < 1.0, "a row of the same batch is waited for, and not for long"
    assert filling.is_alive()
    locked_row.commit()
    filling.join(timeout=20)
    assert history(empty).revision == "0003"
    assert value(empty, b"SELECT count(*) FROM things WHERE doubled IS DISTINCT FROM n * 2") == 0


@pytest.mark.usefixtures("locked_row")
def test_a_row_that_stays_locked_fails_the_run_and_keeps_what_is_done(
    empty: Settings, versions: Path, monkeypatch: pytest.MonkeyPatch, locked_row: psycopg.Connection
) -> None:
    monkeypatch.setattr(backfill, "ATTEMPTS", 2)
    monkeypatch.setattr("migrations.runner.ATTEMPTS", 1)
    with pytest.raises(
        MigrationError, match=rf"(?s)0003_fill.py failed .55P03.*in the way: pid {locked_row.info.backend_pid} "
    ):
        run(empty, versions)
    assert history(empty).revision == "0002"


def test_it_is_printed_as_one_statement(versions: Path, add_revision: AddRevision) -> None:
    add_revision("0002_fill", FILL.format(key="id", batch=100))
    known = revisions(versions)
    text = rendered(known, known[1:], release="1")
    assert "WHERE id BETWEEN 'first key' AND 'last key' AND doubled IS NULL;" in text
    assert text.index("SET lock_timeout = '500ms';\n\nUPDATE") < text.index("RESET lock_timeout;")
