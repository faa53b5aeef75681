"""The daily upkeep of usage's partitions, while others read and write."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import date

import psycopg
import pytest

from infra.release import ROOT
from jobs import partitions, patience, upkeep
from jobs.partitions import month
from jobs.patience import Patience
from jobs.upkeep import Upkeep, drop_archive
from migrations.connection import Connection, connect
from migrations.errors import MigrationError
from migrations.lock import hold
from migrations.settings import Settings

UPKEEP = [sys.executable, "-m", "jobs", "upkeep"]
KEPT = 24  # months


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.1)


@pytest.fixture
def owner(module_database: Settings) -> Generator[Connection]:
    with connect(module_database.owner, release="test", autocommit=True) as connection:
        yield connection


@pytest.fixture
def today(owner: Connection) -> date:
    return partitions.today(owner)


@pytest.fixture
def patient(module_database: Settings, owner: Connection) -> Generator[Callable[[float], Patience]]:
    """Patience for some seconds."""
    with connect(module_database.owner, release="in-process", autocommit=True) as worker:
        yield lambda seconds: Patience(worker, owner, seconds)


@pytest.fixture
def run(patient: Callable[[float], Patience]) -> Callable[..., tuple[bool, list[str]]]:
    """A run of the upkeep: whether all is well, and what it did."""

    def once(seconds: float = 20) -> tuple[bool, list[str]]:
        told: list[Mapping[str, object]] = []
        well = Upkeep(patient(seconds), KEPT, told.append).run()
        return well, [
            " ".join(str(each) for each in action.values()) for action in told if action["action"] != "checked"
        ]

    return once


@pytest.fixture
def person(owner: Connection) -> uuid.UUID:
    return add_person(owner)


def add_person(owner: Connection) -> uuid.UUID:
    made = uuid.uuid4()
    owner.execute("INSERT INTO users (id, email, password_hash) VALUES (%s, %s, '-')", [made, f"{made}@example.com"])
    return made


def add_old(owner: Connection, first: date, *people: uuid.UUID) -> str:
    """A partition of a month long ago, with a row of each person."""
    made = owner.execute("SELECT ensure_usage_partition(%s)", [first]).fetchone()
    assert made and made[0], "the month is this test's own"
    for user in people:
        owner.execute("INSERT INTO usage (user_id, feature, created_at) VALUES (%s, 'install', %s)", [user, first])
    return str(made[0])


def one(owner: Connection, query: str, *parameters: object) -> object:
    row = owner.execute(query.encode(), parameters).fetchone()
    return row and row[0]


@contextmanager
def a_long_report(given: Settings) -> Generator[Connection]:
    """A transaction that has read usage and stays open."""
    with psycopg.connect(given.owner.url, application_name="long-report") as reader:
        reader.execute("SELECT count(*) FROM usage")
        yield reader


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def environment(given: Settings) -> dict[str, str]:
    return {**os.environ, "OWNER_DATABASE_URL": given.owner.url}


def command(given: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jobs", *arguments],
        check=False,
        cwd=ROOT,
        env=environment(given),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_partitions_are_made_a_year_ahead_and_then_there_is_nothing_to_do(
    module_database: Settings, owner: Connection, today: date
) -> None:
    ahead = [f"usage_{month(today, by):%Y%m}" for by in (11, 12)]
    owner.execute(f"DROP TABLE {', '.join(ahead)}".encode())
    first, second = command(module_database, "upkeep"), command(module_database, "upkeep")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    checked = {"action": "checked", "rows_accepted_until": month(today, 13).isoformat()}
    made = [{"action": "made", "partition": name} for name in ahead]
    assert [json.loads(line) for line in first.stdout.splitlines()] == [*made, checked]
    assert [json.loads(line) for line in second.stdout.splitlines()] == [checked]


def test_a_month_that_is_missing_between_others_is_filled(
    owner: Connection, today: date, run: Callable[[], tuple[bool, list[str]]]
) -> None:
    gap = f"usage_{month(today, 5):%Y%m}"
    owner.execute(f"DROP TABLE {gap}".encode())
    assert run() == (True, [f"made {gap}"])


def test_rows_beyond_the_newest_partition_are_refused_and_a_run_that_cannot_help_it_fails(
    module_database: Settings, owner: Connection, today: date, person: uuid.UUID
) -> None:
    newest = f"usage_{month(today, 12):%Y%m}"
    owner.execute(f"DROP TABLE {newest}".encode())
    insert = "INSERT INTO usage (user_id, feature, created_at) VALUES (%s, 'install', %s)"
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        owner.execute(insert, [person, month(today, 12)])
    # Whoever detached a month by hand, and left it so.
    owner.execute(f"CREATE TABLE {newest} ()".encode())
    try:
        done = command(module_database, "upkeep")
    finally:
        owner.execute(f"DROP TABLE {newest}".encode())
    assert done.returncode == 1
    assert f"public.{newest} is no partition of usage: attach it, or give it another name" in done.stderr
    assert f"rows of usage from {month(today, 12)} on would be refused" in done.stderr
    assert command(module_database, "upkeep").returncode == 0
    owner.execute(insert, [person, month(today, 12)])


def test_what_is_past_keeping_becomes_an_archive_as_closed_and_indexed_as_before(
    owner: Connection, today: date, person: uuid.UUID, run: Callable[[], tuple[bool, list[str]]]
) -> None:
    kept, old = add_old(owner, month(today, -KEPT), person), add_old(owner, month(today, -KEPT - 1), person)
    archive = old.replace("usage_", "usage_archive_")
    assert run() == (True, [f"detached {old}", f"archived {archive} 0"])
    assert one(owner, "SELECT count(*) FROM usage WHERE user_id = %s", person) == 1, f"{kept} stays"
    assert one(owner, f"SELECT count(*) FROM {archive} WHERE user_id = %s", person) == 1
    shape = """
        SELECT c.relrowsecurity, c.relacl, count(*) FROM pg_class AS c JOIN pg_index AS i ON i.indrelid = c.oid
        WHERE c.relname = %s GROUP BY c.oid
    """
    assert owner.execute(shape, [archive]).fetchall() == [(True, None, 4)]
    assert run() == (True, [])


def test_archived_rows_are_deleted_with_their_user(
    owner: Connection, person: uuid.UUID, run: Callable[[], tuple[bool, list[str]]]
) -> None:
    archive = add_old(owner, date(2021, 1, 1), person).replace("usage_", "usage_archive_")
    assert run()[0]
    assert one(owner, f"SELECT count(*) FROM {archive}") == 1
    owner.execute("DELETE FROM users WHERE id = %s", [person])
    assert one(owner, f"SELECT count(*) FROM {archive}") == 0


def test_nobody_who_writes_waits_while_a_report_holds_up_the_detaching(
    module_database: Settings, owner: Connection, person: uuid.UUID, run: Callable[[], tuple[bool, list[str]]]
) -> None:
    old = add_old(owner, date(2021, 2, 1), person)
    statements = (
        b"INSERT INTO usage (user_id, feature) SELECT id, 'install' FROM users",
        b"UPDATE users SET updated_at = now()",
        b"SELECT count(*) FROM usage",
    )
    over = threading.Event()
    waits: dict[bytes, list[float]] = {statement: [] for statement in statements}

    def write(statement: bytes) -> None:
        with psycopg.connect(module_database.owner.url, autocommit=True) as connection:
            while not over.is_set():
                started = time.monotonic()
                connection.execute(statement)
                waits[statement].append(time.monotonic() - started)

    threads = [threading.Thread(target=write, args=(statement,)) for statement in statements]
    with a_long_report(module_database) as reader:
        ending = threading.Timer(2, reader.rollback)
        for thread in (*threads, ending):
            thread.start()
        try:
            well, did = run()
        finally:
            over.set()
            for thread in (*threads, ending):
                thread.join()
    assert (well, did[0]) == (True, f"detached {old}")
    assert all(len(each) > 20 for each in waits.values()), "they went on all the time"
    assert max(max(each) for each in waits.values()) < 1


def test_a_detaching_that_was_killed_is_finished_by_the_next_run(
    module_database: Settings, owner: Connection, person: uuid.UUID, run: Callable[[], tuple[bool, list[str]]]
) -> None:
    old, older = add_old(owner, date(2021, 4, 1), person), add_old(owner, date(2021, 3, 1), person)
    gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'nuggetwise-migrations upkeep'"
    with a_long_report(module_database):
        process = subprocess.Popen(UPKEEP, cwd=ROOT, env=environment(module_database), stderr=subprocess.DEVNULL)
        try:
            until(lambda: any(each.detaching for each in partitions.attached(owner)), "it begins to detach")
        finally:
            process.kill()
            process.wait()
        # The server notices in its time; until then the session might still finish what it began.
        until(lambda: one(owner, gone) is True, "its session ends")
    detaching = [each.name for each in partitions.attached(owner) if each.detaching]
    assert detaching == [older]
    archives = [name.replace("usage_", "usage_archive_") for name in (older, old)]
    well, did = run()
    assert well
    assert did == [f"detached {older}", f"detached {old}", *(f"archived {name} 0" for name in archives)]


def test_rows_of_a_user_who_was_deleted_while_their_month_was_detaching_go_too(
    module_database: Settings,
    owner: Connection,
    person: uuid.UUID,
    run: Callable[..., tuple[bool, list[str]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = add_old(owner, date(2021, 5, 1), person, add_person(owner))
    with a_long_report(module_database):
        assert run(seconds=0) == (False, [])
        owner.execute("DELETE FROM users WHERE id = %s", [person])
    problem = capsys.readouterr().err
    assert f"error: detaching {old}: a lock was not free for 0 s; in the way: pid " in problem
    assert "(long-report)" in problem
    assert one(owner, f"SELECT count(*) FROM {old}") == 2, "the cascade has missed them"
    archive = old.replace("usage_", "usage_archive_")
    assert run() == (True, [f"detached {old}", f"archived {archive} 1"])
    assert one(owner, f"SELECT count(*) FROM {archive}") == 1


def test_what_hinders_one_thing_hinders_no_other(
    module_database: Settings, owner: Connection, today: date, run: Callable[..., tuple[bool, list[str]]]
) -> None:
    old, ahead = add_old(owner, date(2021, 6, 1)), f"usage_{month(today, 12):%Y%m}"
    owner.execute(f"DROP TABLE {ahead}".encode())
    with a_long_report(module_database):
        assert run(seconds=0) == (False, [f"made {ahead}"])
    assert run()[1][0] == f"detached {old}"


def test_of_two_runs_at_once_one_does_everything_and_the_other_finds_it_done(
    module_database: Settings, owner: Connection, today: date
) -> None:
    ahead = [f"usage_{month(today, by):%Y%m}" for by in range(3, 13)]
    owner.execute(f"DROP TABLE {', '.join(ahead)}".encode())
    both = [
        subprocess.Popen(UPKEEP, cwd=ROOT, env=environment(module_database), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(map(len, printed)) == [1, len(ahead) + 1]


def test_a_run_gives_up_waiting_for_another_and_says_for_which(
    owner: Connection, run: Callable[[], tuple[bool, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOCK_WAIT_SECONDS", 0.2)
    hold(owner, upkeep.KEY, 1)
    with pytest.raises(MigrationError, match=rf"kept the lock for 0.2 s: pid {owner.info.backend_pid} "):
        run()


def test_an_archive_is_dropped_only_by_its_name(
    module_database: Settings, owner: Connection, run: Callable[[], tuple[bool, list[str]]]
) -> None:
    archive = add_old(owner, date(2021, 7, 1)).replace("usage_", "usage_archive_")
    assert run()[0]
    for other in ("users", "usage_archive_190001", "usage_archive_"):
        refused = command(module_database, "drop-archive", other)
        assert refused.returncode == 1
        assert f"error: there is no archive {other}: there are " in refused.stderr
        assert archive in refused.stderr
    done = command(module_database, "drop-archive", archive)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"action": "dropped", "table": archive})
    assert one(owner, "SELECT to_regclass(%s)", archive) is None


def test_dropping_an_archive_does_not_make_everyone_wait_behind_a_reader_of_users(
    module_database: Settings,
    owner: Connection,
    patient: Callable[[float], Patience],
    run: Callable[[], tuple[bool, list[str]]],
) -> None:
    archive = add_old(owner, date(2021, 8, 1)).replace("usage_", "usage_archive_")
    assert run()[0]
    with psycopg.connect(module_database.owner.url, application_name="long-report") as reader:
        reader.execute("SELECT count(*) FROM users")
        with pytest.raises(MigrationError, match=r"a lock was not free for 0 s; in the way: pid \d+ \(long-report\)"):
            drop_archive(patient(0), archive, lambda _: None)
    drop_archive(patient(10), archive, lambda _: None)


@pytest.mark.parametrize("months", ["1", "-3", "many"])
def test_a_retention_of_no_use_is_refused(
    module_database: Settings, months: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_RETENTION_MONTHS", months)
    done = command(module_database, "upkeep")
    assert done.returncode == 2
    assert f"error: USAGE_RETENTION_MONTHS is '{months}': set it to a whole number, at least 2" in done.stderr
