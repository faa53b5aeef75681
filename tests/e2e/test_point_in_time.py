"""The database's continuous backup on a real stack, and the way back to a moment from it."""

import json
import re
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from docker.models.containers import Container

from .conftest import Done, Person, Stack, eventually

NewPerson = Callable[[], Person]

FIRST_BACKUP_WITHIN = 120  # seconds
# `archive_timeout`, and what it takes to be seen and pushed.
RECOVERY_POINT = 60 + 15  # seconds


def ran(container: Container, *command: str) -> str:
    code, output = container.exec_run(list(command))
    assert isinstance(output, bytes)
    text = output.decode()
    assert code == 0, text
    return text


def backups(stack: Stack) -> list[dict[str, Any]]:
    (found,) = json.loads(ran(stack.containers("database")[0], "pgbackrest", "--output=json", "info"))
    return [each for each in found["backup"] if not each["error"]]


def cluster(stack: Stack) -> str:
    return stack.sql("SELECT system_identifier FROM pg_control_system()")


def timeline(stack: Stack) -> int:
    return int(stack.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")[:8], 16)


def restored(stack: Stack, moment: str) -> Done:
    return stack.ops("restore", "--time", moment, "--yes")


def moment(stack: Stack) -> str:
    """Now, as the database has it; what is committed later is of a later second."""
    now = stack.sql("SELECT clock_timestamp()")
    time.sleep(1.1)
    return now


def may_log_in(client: httpx.Client, person: Person) -> bool:
    return client.post("/api/auth/login", json={"email": person.email, "password": person.password}).status_code == 200


@pytest.fixture
def backed_up(stack: Stack) -> Stack:
    eventually(lambda: bool(backups(stack)), FIRST_BACKUP_WITHIN, "the first backup of the running cluster")
    return stack


def test_no_secret_of_the_archive_is_anybody_elses_to_read(backed_up: Stack) -> None:
    (database,) = backed_up.containers("database")
    given = dict(entry.split("=", 1) for entry in database.attrs["Config"]["Env"])
    secrets = [given[name] for name in ("ARCHIVE_ACCESS_KEY", "ARCHIVE_SECRET_KEY", "ARCHIVE_PASS")]
    assert ran(database, "stat", "-c", "%a %U", "/tmp/pgbackrest/pgbackrest.conf") == "600 postgres\n"
    seen = ran(database, "sh", "-c", "cat /proc/[0-9]*/cmdline") + database.logs().decode()
    # The server's own environment too: an extension or a COPY … TO PROGRAM would show it.
    server = ran(
        database, "sh", "-c", "tr '\\0' '\\n' < /proc/$(head -n 1 /var/lib/postgresql/17/postmaster.pid)/environ"
    )
    assert not [secret for secret in secrets if secret in seen + server]


def test_what_is_committed_is_in_the_bucket_a_minute_later(backed_up: Stack, new_person: NewPerson) -> None:
    new_person()
    committed = time.monotonic()
    file = backed_up.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    newest = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"
    eventually(lambda: backed_up.sql(newest) >= file, RECOVERY_POINT, "the segment with the commit is archived")
    print(f"recovery point: {time.monotonic() - committed:.1f} s")
    status = backed_up.ops("status")
    assert "archive: the write-ahead log reached the bucket at" in status.text, status.text


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("2020-01-01 00:00:00+00", "no backup was whole by 2020-01-01 00:00:00"),
        ("2120-01-01 00:00:00+00", "is in the future"),
        ("2026-11-24 12:00:00", "has no time zone"),
        ("noon", "is no time"),
    ],
)
def test_a_moment_that_is_not_there_is_refused_before_anything_is_touched(
    backed_up: Stack, time: str, why: str
) -> None:
    before = backed_up.containers("database")[0].attrs["State"]["StartedAt"]
    refused = restored(backed_up, time)
    assert refused.code == 1
    assert why in refused.text
    assert backed_up.containers("database")[0].attrs["State"]["StartedAt"] == before
    assert backed_up.containers("recovery") == []


def test_the_database_goes_back_to_a_moment_and_that_can_be_undone(
    backed_up: Stack, client: httpx.Client, new_person: NewPerson
) -> None:
    kept = new_person()
    then = moment(backed_up)
    lost = new_person()
    first = timeline(backed_up)

    done = restored(backed_up, then)
    assert done.code == 0, done.text
    assert may_log_in(client, kept)
    assert not may_log_in(client, lost), "registered after that moment"
    assert timeline(backed_up) > first
    reached = re.search(r"its last transaction is of (\S+ \S+)\.", done.text)
    assert reached, done.text
    assert datetime.fromisoformat(reached[1]) <= datetime.fromisoformat(then)

    undo = re.search(r"To undo this: make restore TIME='(.*)'", done.text)
    assert undo, done.text
    later = new_person()
    second = restored(backed_up, undo[1])
    assert second.code == 0, second.text
    assert may_log_in(client, lost), "what a restore put aside is still in the archive"
    assert not may_log_in(client, later)

    folders = ran(backed_up.containers("database")[0], "ls", "/var/lib/postgresql").split()
    assert len([each for each in folders if each.startswith("17.before-")]) == 1, "one is kept, not two"
    assert "17.restored" not in folders

    eventually(
        lambda: int(backups(backed_up)[-1]["archive"]["stop"][:8], 16) == timeline(backed_up),
        FIRST_BACKUP_WITHIN,
        "archiving goes on, and a backup of the new timeline is made at once",
    )


@pytest.mark.parametrize("last_words", ["beside the live database", "the database stops"])
def test_a_restore_that_was_killed_is_done_by_the_next_one(
    backed_up: Stack, client: httpx.Client, new_person: NewPerson, last_words: str
) -> None:
    kept = new_person()
    then = moment(backed_up)
    lost = new_person()
    with backed_up.start("python", "-m", "ops", "--stack", backed_up.name, "restore", "--time", then, "--yes") as begun:
        assert begun.stdout is not None
        for line in begun.stdout:
            if last_words in line:
                break
        time.sleep(0.5)
        begun.send_signal(signal.SIGKILL)
    if "beside" in last_words:
        assert may_log_in(client, lost), "the live database serves all the while"
    done = restored(backed_up, then)
    assert done.code == 0, done.text
    assert may_log_in(client, kept)
    assert not may_log_in(client, lost)
    assert backed_up.containers("recovery") == []


def test_a_store_that_is_away_holds_nothing_up_and_what_waited_is_archived_afterwards(
    backed_up: Stack, new_person: NewPerson
) -> None:
    (database,) = backed_up.containers("database")
    stores = [*backed_up.containers("object-store"), *backed_up.containers("object-store-files")]
    for store in stores:
        store.stop(timeout=5)
    try:
        new_person()
        backed_up.sql("SELECT pg_switch_wal()")
        eventually(lambda: "nothing reaches the bucket" in backed_up.ops("status").text, 180, "status tells it")
        database.reload()
        assert database.attrs["State"]["Health"]["Status"] == "healthy"
        began = time.monotonic()
        database.restart(timeout=60)
        assert time.monotonic() - began < 20, "a stop does not wait for the store"
        eventually(lambda: database.exec_run(["pg_isready", "-q"]).exit_code == 0, 20, "it starts without the store")
        assert database.attrs["State"]["OOMKilled"] is False
    finally:
        for store in reversed(stores):
            store.start()
    ready = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
    eventually(lambda: backed_up.sql(ready) == "0", 120, "what waited is archived")


def test_a_lost_volume_comes_back_to_the_last_archived_moment(
    backed_up: Stack, client: httpx.Client, new_person: NewPerson
) -> None:
    person, before = new_person(), cluster(backed_up)
    file = backed_up.sql("SELECT pg_walfile_name(pg_switch_wal())")
    newest = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"
    eventually(lambda: backed_up.sql(newest) >= file, 60, "archived")
    (database,) = backed_up.containers("database")
    (volume,) = [each["Name"] for each in database.attrs["Mounts"] if each["Type"] == "volume"]
    database.remove(force=True)
    backed_up.engine.volumes.get(volume).remove(force=True)

    up = backed_up.up()
    assert up.code == 0, up.text
    assert not may_log_in(client, person), "the volume was lost"
    assert cluster(backed_up) != before
    count = len(backups(backed_up))

    began = datetime.now(UTC)
    done = restored(backed_up, "latest")
    assert done.code == 0, done.text
    print(f"restored within {(datetime.now(UTC) - began).total_seconds():.1f} s")
    assert may_log_in(client, person)
    assert cluster(backed_up) == before
    assert client.get("/api/health").status_code == 200
    eventually(lambda: len(backups(backed_up)) > count, FIRST_BACKUP_WITHIN, "it is backed up as before")
