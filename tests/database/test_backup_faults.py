"""What can go wrong with a backup. Each is told, counts, and leaves those before it as they were."""

import json
import subprocess
from collections.abc import Generator
from typing import Protocol

import psycopg
import pytest

from migrations.settings import Settings
from tests.database.ops_image import Ended, Ops, new_key, ops_of, until
from tests.database.test_backups import fill


class Fails(Protocol):
    """Checks that a backup failed, and told so."""

    def __call__(self, ended: Ended, *told: str, counted: bool = True) -> None: ...


@pytest.fixture(scope="module")
def database(module_database: Settings) -> Settings:
    with psycopg.connect(module_database.owner.url, autocommit=True) as owner:
        fill(owner)
    return module_database


@pytest.fixture(scope="module")
def ops(database: Settings) -> Generator[Ops]:
    with ops_of(database) as made:
        yield made


@pytest.fixture(scope="module")
def good(ops: Ops) -> str:
    """A backup that is there before anything goes wrong."""
    done = ops.run("backup")
    assert done.code == 0, done.said
    return done.line("verified")["id"]


@pytest.fixture
def fails(ops: Ops, good: str) -> Generator[Fails]:
    """Checks that a backup failed as it should, and at the test's end that nothing of it counts or is in the way."""
    objects, failures = ops.objects(), ops.failures("backup")
    content = ops.read(f"{good}/dump.age")
    expected = failures

    def check(ended: Ended, *told: str, counted: bool = True) -> None:
        nonlocal expected
        expected += counted
        assert ended.code == 1, ended.said
        for each in told:
            assert each in ended.said, ended.said

    yield check
    ops.line.mend()
    assert ops.failures("backup") == expected, "the metric"
    new = {name.partition("/")[0] for name in ops.objects().keys() - objects.keys()}
    assert {name: size for name, size in ops.objects().items() if name.partition("/")[0] not in new} == objects
    assert ops.read(f"{good}/dump.age") == content
    states = ops.states()
    assert states[good] == "good"
    assert "good" not in {states[id] for id in new}
    assert ops.pids("pg_dump") == ops.pids("age --") == ops.pids("postgres", "-D") == []
    assert "verify" not in ops.inside("ls", "/work").split()


UPLOAD = b"?uploads"


def half_way(ops: Ops, **changed: str) -> "subprocess.Popen[str]":
    """A backup whose pg_dump is under way and waits, since the store takes its time."""
    ops.line.hold(UPLOAD)
    process = ops.start("backup", **changed)
    assert ops.line.held.wait(60)
    until(lambda: bool(ops.pids("pg_dump", "--format")), "it dumps")
    return process


def on(ops: Ops, process: "subprocess.Popen[str]") -> Ended:
    ops.line.mend()
    return ops.end(process)


def test_the_bucket_cannot_be_reached(ops: Ops, fails: Fails) -> None:
    ended = ops.run("backup", S3_ENDPOINT_URL="http://127.0.0.1:9")
    fails(ended, "error: the bucket backups at http://127.0.0.1:9 could not be reached", "Bring the store back")


def test_the_bucket_is_not_there(ops: Ops, fails: Fails) -> None:
    fails(ops.run("backup", BACKUP_BUCKET="another"), "the bucket another", "NoSuchBucket", "See that the bucket is")


def test_the_upload_is_cut_off(ops: Ops, fails: Fails) -> None:
    process = half_way(ops)
    ops.line.cut(after=500_000)
    fails(on_cut(ops, process), "/dump.age in the bucket backups", "could not be reached")


def on_cut(ops: Ops, process: "subprocess.Popen[str]") -> Ended:
    ops.line.go_on.set()
    return ops.end(process)


def test_pg_dump_is_killed_half_way(ops: Ops, fails: Fails) -> None:
    states = len(ops.states())
    process = half_way(ops)
    ops.kill("pg_dump", "--format")
    fails(on(ops, process), "could not be dumped: pg_dump was ended by SIGKILL", "older backups are as they were")
    assert len(ops.states()) == states, "nothing was uploaded"


def test_age_is_killed_half_way(ops: Ops, fails: Fails) -> None:
    process = half_way(ops)
    ops.kill("age", "--encrypt")
    fails(on(ops, process), "could not be dumped: age was ended by SIGKILL")


def test_the_database_goes_half_way(ops: Ops, database: Settings, fails: Fails) -> None:
    process = half_way(ops)
    assert database.admin
    with psycopg.connect(database.admin.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.owner.database]
        )
    fails(
        # In whose words: the server's, or libpq's where the connection was gone before they came.
        on(ops, process),
        "could not be dumped: pg_dump failed",
        "connection",
    )


def test_the_job_is_told_to_end_half_way(ops: Ops, fails: Fails) -> None:
    process = half_way(ops)
    ops.kill("python3", "jobs", "backup", how="TERM")
    fails(on(ops, process), "error: backup was ended before it was done")


def test_a_second_backup_at_once_says_who_is_at_it(ops: Ops, database: Settings, good: str) -> None:
    process = half_way(ops)
    second = ops.run("backup", S3_ENDPOINT_URL=f"http://127.0.0.1:{ops.line.target}")
    assert second.code == 1
    assert "error: another runner kept the lock for 2 s: pid " in second.said
    assert f"(nuggetwise-migrations backup) of {database.owner.role}" in second.said
    assert on(ops, process).code == 0, "the first one is not disturbed"


def test_a_row_that_the_dump_would_miss_is_no_good_backup(ops: Ops, database: Settings, fails: Fails) -> None:
    with psycopg.connect(database.owner.url, autocommit=True) as owner:
        owner.execute("ALTER TABLE users FORCE ROW LEVEL SECURITY")
        try:
            ended = ops.run("backup")
        finally:
            owner.execute("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
    fails(ended, "could not be dumped: pg_dump failed", "query would be affected by row-level security policy")


def test_a_role_above_the_policies_is_no_good_backup(ops: Ops, database: Settings, fails: Fails) -> None:
    assert database.admin
    with psycopg.connect(database.admin.url, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {database.api.role} BYPASSRLS".encode())
        try:
            ended = ops.run("backup")
        finally:
            admin.execute(f"ALTER ROLE {database.api.role} NOBYPASSRLS".encode())
    fails(ended, "is broken: what came back is not what was backed up: roles of the schema differ")


def test_a_table_that_all_may_read_is_no_good_backup(ops: Ops, database: Settings, fails: Fails) -> None:
    with psycopg.connect(database.owner.url, autocommit=True) as owner:
        owner.execute(f"CREATE POLICY everyone ON users TO {database.api.role} USING (true)".encode())
        try:
            ended = ops.run("backup")
        finally:
            owner.execute("DROP POLICY everyone ON users")
    fails(ended, f"{database.api.role} sees rows of public.users without saying whose")


@pytest.mark.parametrize("work", ["/tiny", "/small"])
def test_the_disk_is_full(ops: Ops, fails: Fails, work: str) -> None:
    ended = ops.run("backup", WORK_DIR=work)
    # It is counted in that work folder.
    assert json.loads(ops.inside("cat", f"{work}/ledger.json"))["backup"]["failures"] == 1
    fails(ended, "a disk is full: ", "o space left on device", f"Make room in WORK_DIR ({work})", counted=False)
    assert sorted(ops.inside("ls", work).split()) == ["ledger.json", "verify.lock"]
    assert ops.states()[max(ops.states())] == "unverified", "it may be good: only room was missing"


def test_the_work_folder_is_not_ours(ops: Ops, fails: Fails) -> None:
    ended = ops.run("backup", WORK_DIR="/usr/work")
    fails(ended, "WORK_DIR (/usr/work) cannot be written to: Read-only file system", counted=False)


def test_keys_that_do_not_belong_together_are_told_before_the_work(ops: Ops, good: str) -> None:
    recipient, _ = new_key(ops)
    before = ops.objects()
    ended = ops.run("backup", BACKUP_RECIPIENT=recipient)
    assert ended.code == 2
    assert f"BACKUP_IDENTITY opens what is encrypted for {ops.environment['BACKUP_RECIPIENT']}" in ended.said
    assert ops.objects() == before


def test_another_identity_opens_nothing_and_condemns_nothing(ops: Ops, good: str) -> None:
    _, identity = new_key(ops)
    ended = ops.run("restore-test", good, BACKUP_IDENTITY=identity)
    assert ended.code == 1
    assert f"backup {good} was encrypted for {ops.environment['BACKUP_RECIPIENT']}" in ended.said
    assert "give the identity that the backup was made with" in ended.said
    assert ops.states()[good] == "good"


@pytest.fixture
def spoilt(ops: Ops, good: str) -> Generator[str]:
    """A copy of the good backup, to be spoilt."""
    id = "20200101T000000Z-0bad"
    for name in ("dump.age", "verified.json"):
        ops.put(f"{id}/{name}", ops.read(f"{good}/{name}"))
    ops.put(f"{id}/manifest.json", ops.read(f"{good}/manifest.json").replace(good.encode(), id.encode()))
    yield id
    for key in ops.objects():
        if key.startswith(id):
            ops.store.delete_object(Bucket="backups", Key=f"database/{key}")


def condemned(ops: Ops, id: str, good: str, why: str) -> None:
    failures = ops.failures("restore-test")
    ended = ops.run("restore-test", id)
    assert ended.code == 1
    assert why in ended.said
    assert ops.failures("restore-test") == failures + 1
    assert ops.states()[id].startswith("broken: ")
    assert ops.states()[good] == "good"
    again = ops.run("restore-test", id)
    assert again.code == 1
    assert f"backup {id} is broken: " in again.said


def test_an_object_that_was_cut_short_is_broken(ops: Ops, good: str, spoilt: str) -> None:
    ops.put(f"{spoilt}/dump.age", ops.read(f"{spoilt}/dump.age")[:-1])
    condemned(ops, spoilt, good, "its dump has ")


@pytest.mark.parametrize("at", [0, 0.5, 0.999])
def test_an_object_that_was_altered_is_broken(ops: Ops, good: str, spoilt: str, at: float) -> None:
    content = bytearray(ops.read(f"{spoilt}/dump.age"))
    content[int(at * len(content))] ^= 1
    ops.put(f"{spoilt}/dump.age", bytes(content))
    condemned(ops, spoilt, good, f"backup {spoilt} is broken: {spoilt}/dump.age was altered: its SHA-256 is ")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("tables", {"public.users": 49}, "public.users: 50 rows instead of 49 rows"),
        ("tables", {"public.lost": 3}, "public.lost: no such table instead of 3 rows"),
        ("facts", {"policies": "0"}, "policies of the schema differ"),
        ("schema_revision", "0001", "the schema is at "),
    ],
)
def test_what_comes_back_different_is_broken(
    ops: Ops, good: str, spoilt: str, name: str, value: object, why: str
) -> None:
    manifest = json.loads(ops.read(f"{spoilt}/manifest.json"))
    manifest[name] = {**manifest[name], **value} if isinstance(value, dict) else value
    ops.put(f"{spoilt}/manifest.json", json.dumps(manifest).encode())
    condemned(ops, spoilt, good, why)


def test_a_run_that_is_killed_while_it_restores_is_cleaned_up_by_the_next(ops: Ops, good: str) -> None:
    process = ops.start("restore-test", good)
    until(lambda: bool(ops.pids("postgres", "-D", "/work/verify")), "the scratch server runs")
    ops.kill("python3", "jobs", "restore-test")
    ops.end(process)
    assert ops.pids("postgres", "-D", "/work/verify"), "it is left behind"
    done = ops.run("restore-test", good)
    assert done.code == 0, done.said
    assert ops.pids("postgres", "-D") == []
    assert "verify" not in ops.inside("ls", "/work").split()
