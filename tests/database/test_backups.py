"""A backup from the database into the bucket and back: made, listed, tested, restored beside, put in place, undone."""

import json
import threading
import time
import urllib.request
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from migrations.revisions import revisions
from migrations.settings import Settings
from tests.database.conftest import Connection, Server
from tests.database.ops_image import Ended, Ops, new_key, ops_of, until

PORT = 9137


@pytest.fixture(scope="module")
def database(module_database: Settings) -> Settings:
    """With people, what they did, a month in the archive, and 3 MB that do not compress."""
    with psycopg.connect(module_database.owner.url, autocommit=True) as owner:
        fill(owner)
    return module_database


def fill(owner: Connection) -> None:
    owner.execute("""
        INSERT INTO users (email, password_hash, stripe_customer_id)
        SELECT n || '@example.com', 'hash', 'cus_' || n FROM generate_series(1, 50) AS n
    """)
    owner.execute("INSERT INTO installations (user_id, mcp_config) SELECT id, '{}' FROM users")
    owner.execute("""
        INSERT INTO usage (user_id, feature, metadata)
        SELECT id, 'install', jsonb_build_object('a', gen_random_uuid(), 'b', gen_random_uuid(), 'c', gen_random_uuid())
        FROM users, generate_series(1, 800)
    """)
    owner.execute("SELECT ensure_usage_partition('2021-01-01')")
    owner.execute("INSERT INTO usage (user_id, feature, created_at) SELECT id, 'old', '2021-01-02' FROM users")
    owner.execute("ALTER TABLE usage DETACH PARTITION usage_202101")
    owner.execute("ALTER TABLE usage_202101 RENAME TO usage_archive_202101")


@pytest.fixture(scope="module")
def ops(database: Settings) -> Generator[Ops]:
    assert database.admin
    with ops_of(database, ADMIN_DATABASE_URL=database.admin.url) as made:
        yield made


@pytest.fixture(scope="module")
def made(ops: Ops) -> Ended:
    """The first backup."""
    done = ops.run("backup")
    assert done.code == 0, done.said
    return done


@pytest.fixture(scope="module")
def id(made: Ended) -> str:
    return made.line("verified")["id"]


@pytest.fixture
def beside(server: Server, database: Settings) -> Generator[str]:
    """The name of a database that is not there yet, and not any more afterwards."""
    name = f"{database.owner.database}_beside"
    yield name
    server.drop_database(name)
    server.drop_database(f"{name}_being_made")


def in_database(url: str, name: str) -> str:
    return make_conninfo(url, dbname=name)


def one(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def databases(server: Server, like: str) -> list[str]:
    with server.admin() as admin:
        rows = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1", [like])
        return [str(name) for (name,) in rows]


def test_a_backup_is_a_dump_its_manifest_and_the_word_that_it_was_compared(
    ops: Ops, database: Settings, made: Ended, id: str
) -> None:
    manifest = json.loads(ops.read(f"{id}/manifest.json"))
    assert {name: size for name, size in ops.objects().items() if name.startswith(id)}.keys() == {
        f"{id}/dump.age",
        f"{id}/manifest.json",
        f"{id}/verified.json",
    }
    assert manifest["bytes"] == ops.objects()[f"{id}/dump.age"] == made.line("dumped")["bytes"]
    tables = "SELECT 'public.' || relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    with psycopg.connect(database.owner.url) as owner:
        names = [str(name) for (name,) in owner.execute(tables.encode())]
    counted = {name: one(database.owner.url, f"SELECT count(*) FROM ONLY {name}") for name in names}
    assert manifest["tables"] == counted
    assert manifest["tables"]["public.usage_archive_202101"] == 50
    assert sum(manifest["tables"].values()) == made.line("verified")["rows"]
    assert manifest["schema_revision"] == revisions()[-1].id
    assert manifest["server_version"].startswith("17.")
    assert manifest["recipient"] == ops.environment["BACKUP_RECIPIENT"]
    assert (manifest["stack"], manifest["release"]) == ("test", "1.2.3")
    assert manifest["seconds"] > 0


def test_what_is_in_the_bucket_is_encrypted(ops: Ops, id: str) -> None:
    content = ops.read(f"{id}/dump.age")
    assert content.startswith(b"age-encryption.org/v1\n-> X25519 ")
    for plain in (b"PGDMP", b"example.com", b"CREATE TABLE"):
        assert plain not in content


def test_nothing_stays_in_the_work_folder(ops: Ops, id: str) -> None:
    assert sorted(ops.inside("ls", "/work").split()) == ["ledger.json", "verify.lock"]
    assert ops.pids("postgres", "/work") == []


def test_the_list_is_newest_first_and_tells_all(ops: Ops, id: str) -> None:
    newer = ops.run("backup").line("verified")["id"]
    lines = ops.run("backups").lines
    assert [each["id"] for each in lines] == [newer, id]
    manifest = json.loads(ops.read(f"{id}/manifest.json"))
    assert lines[1] == {
        "id": id,
        "created_at": manifest["created_at"],
        "bytes": manifest["bytes"],
        "rows": sum(manifest["tables"].values()),
        "schema_revision": manifest["schema_revision"],
        "release": "1.2.3",
        "state": "good",
        "superseded": False,
    }


def test_a_restore_test_needs_the_bucket_and_the_identity_alone(ops: Ops, id: str) -> None:
    done = ops.run("restore-test", id, OWNER_DATABASE_URL="", BACKUP_RECIPIENT="")
    assert (done.code, done.line("verified")["id"]) == (0, id), done.said
    assert [name for name in ops.objects() if name.startswith(f"{id}/tested-")], "and is remembered"


def test_an_older_identity_still_opens_what_it_had_opened(ops: Ops, id: str) -> None:
    recipient, identity = new_key(ops)
    both = f"{identity}\n{ops.environment['BACKUP_IDENTITY']}"
    assert ops.run("restore-test", id, BACKUP_RECIPIENT=recipient, BACKUP_IDENTITY=both).code == 0


def test_a_backup_is_restored_beside_the_live_database_which_stays_as_it_is(
    ops: Ops, database: Settings, server: Server, id: str, beside: str
) -> None:
    before = one(database.owner.url, "SELECT count(*) FROM users")
    done = ops.run("restore", id, "--into", beside)
    assert done.code == 0, done.said
    told = done.line("restored")
    assert (told["id"], told["database"], told["rows"] > 40_000) == (id, beside, True)
    restored = in_database(database.owner.url, beside)
    assert one(restored, "SELECT count(*) FROM usage") == one(database.owner.url, "SELECT count(*) FROM usage")
    assert one(restored, "SELECT count(*) FROM pg_stats WHERE tablename = 'users'") > 0, "it is analyzed"
    assert one(database.owner.url, "SELECT count(*) FROM users") == before
    assert one(server.admin_url, f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{beside}'") == (
        database.owner.role
    )
    with psycopg.connect(in_database(database.api.url, beside)) as api:
        assert api.execute("SELECT count(*) FROM users").fetchone() == (0,), "the policies hold"
    stranger = f"{beside}_stranger"
    with server.admin() as admin:
        admin.execute(f"CREATE ROLE {stranger} LOGIN PASSWORD 'x'".encode())
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(server.url(stranger, "x", beside))
    finally:
        server.drop_role(stranger)


def test_a_database_that_is_somebody_s_is_not_restored_into(
    ops: Ops, database: Settings, server: Server, id: str, beside: str
) -> None:
    with server.admin() as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(beside)))
    refused = ops.run("restore", id, "--into", beside)
    assert refused.code == 1
    assert f"there is a database {beside}, not made by a restore: restore into another name" in refused.said
    for name in (database.owner.database, "postgres", "Two Words", f"{database.owner.database}_before_20261124000000"):
        refused = ops.run("restore", id, "--into", name)
        assert refused.code == 1
        assert name in refused.said


def test_one_of_another_backup_is_not_either_and_one_in_use_is_left_alone(
    ops: Ops, database: Settings, id: str, beside: str
) -> None:
    assert ops.run("restore", id, "--into", beside).code == 0
    newest = ops.run("backup").line("verified")["id"]
    refused = ops.run("restore", newest, "--into", beside)
    assert refused.code == 1
    assert f"there is a database {beside}, restored from backup {id}" in refused.said
    with psycopg.connect(in_database(database.owner.url, beside)):
        refused = ops.run("restore", id, "--into", beside)
    assert refused.code == 1
    assert f"{beside} is restored, and in use" in refused.said
    again = ops.run("restore", id, "--into", beside)
    assert again.code == 0, again.said


def test_an_interrupted_restore_is_refused_by_switch_and_begins_anew(
    ops: Ops, database: Settings, server: Server, id: str, beside: str
) -> None:
    ops.line.hold(b"/dump.age HTTP")
    try:
        process = ops.start("restore", id, "--into", beside)
        assert ops.line.held.wait(60)
        assert databases(server, beside) == [beside]
        ops.kill("python3", "jobs", "restore")
        ops.end(process)
    finally:
        ops.line.mend()
    refused = ops.run("switch", beside)
    assert refused.code == 1
    assert f"{beside} is not complete (restoring backup {id}): run its restore again" in refused.said
    again = ops.run("restore", id, "--into", beside)
    assert again.code == 0, again.said
    assert databases(server, beside) == [beside]


def test_roles_that_a_lost_server_took_along_are_made_again(
    ops: Ops, database: Settings, server: Server, id: str, beside: str
) -> None:
    owner, api = f"{beside}_owner", f"{beside}_api"
    manifest = json.loads(ops.read(f"{id}/manifest.json"))
    manifest["id"] = other = "20200101T000000Z-0000"
    ops.put(f"{other}/dump.age", ops.read(f"{id}/dump.age"))
    ops.put(f"{other}/manifest.json", json.dumps(manifest).encode())
    url = server.url(owner, "new-owner-secret", database.owner.database)
    try:
        done = ops.run("restore", other, "--into", beside, OWNER_DATABASE_URL=url)
        assert done.code == 0, done.said
        assert "has never been restored and compared" in done.said
        assert one(server.url(owner, "new-owner-secret", beside), "SELECT count(*) FROM users") == 50
    finally:
        for key in ("dump.age", "manifest.json"):
            ops.store.delete_object(Bucket="backups", Key=f"database/{other}/{key}")
        server.drop_database(beside)
        server.drop_role(owner)
        server.drop_role(api)


def test_what_is_newer_than_a_backup_is_counted(ops: Ops, database: Settings, id: str) -> None:
    newest = ops.run("backup").line("verified")["id"]
    nothing = {"users": 0, "installations": 0, "usage": 0, "subscriptions": 0}
    assert ops.run("newer-than", newest).lines == [nothing]
    with psycopg.connect(database.owner.url, autocommit=True) as owner:
        owner.execute("UPDATE users SET v0_api_key = 'v1:x' WHERE email = '7@example.com'")
        owner.execute("INSERT INTO usage (user_id, feature) SELECT id, 'late' FROM users LIMIT 3")
    assert ops.run("newer-than", "latest").lines == [{**nothing, "users": 1, "usage": 3}]
    lost = database.owner.url.replace(database.owner.database, f"{database.owner.database}_lost")
    assert ops.run("newer-than", newest, OWNER_DATABASE_URL=lost).lines == [nothing], "no database, nothing to lose"
    away = ops.run("newer-than", newest, OWNER_DATABASE_URL="postgresql://o:x@127.0.0.1:9/d")
    assert away.code == 1
    assert "whether d has newer rows is unknown" in away.said


def test_a_switch_puts_the_restored_database_in_place_and_another_one_undoes_it(
    ops: Ops, database: Settings, server: Server, beside: str
) -> None:
    live, url = database.owner.database, database.owner.url
    old = ops.run("backup").line("verified")["id"]
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("INSERT INTO users (email, password_hash) VALUES ('late@example.com', '-')")
    assert ops.run("restore", old, "--into", beside).code == 0
    late = "SELECT count(*) FROM users WHERE email = 'late@example.com'"
    with psycopg.connect(url) as lingering:
        switched = ops.run("switch", beside)
        assert switched.code == 0, switched.said
        with pytest.raises(psycopg.OperationalError):
            lingering.execute("SELECT 1")
    kept = switched.line("switched")["kept"]
    assert kept.startswith(f"{live}_before_{datetime.now(UTC):%Y%m%d}")
    assert (one(url, late), one(in_database(url, kept), late)) == (0, 1)
    time.sleep(1)  # names differ by the second
    undone = ops.run("switch", kept)
    assert undone.code == 0, undone.said
    assert one(url, late) == 1
    (left,) = databases(server, f"{live}_before_")
    assert left == undone.line("switched")["kept"]
    assert ops.run("restore", old, "--into", beside).code == 0
    time.sleep(1)
    third = ops.run("switch", beside)
    assert third.line("dropped")["database"] == left, "only the newest is kept"
    last = third.line("switched")["kept"]
    assert ops.run("switch", last).code == 0
    for name in databases(server, f"{live}_before_"):
        server.drop_database(name)


def test_clients_that_come_back_at_once_do_not_stop_a_switch(
    ops: Ops, database: Settings, server: Server, id: str, beside: str
) -> None:
    assert ops.run("restore", id, "--into", beside).code == 0
    over = threading.Event()

    def come_back() -> None:
        while not over.is_set():
            try:
                with psycopg.connect(database.owner.url, connect_timeout=20) as connection:
                    connection.execute("SELECT pg_sleep(0.01)")
            except psycopg.Error:
                pass

    threads = [threading.Thread(target=come_back) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        switched = ops.run("switch", beside)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert switched.code == 0, switched.said
    time.sleep(1)
    assert ops.run("switch", switched.line("switched")["kept"]).code == 0
    for name in databases(server, f"{database.owner.database}_before_"):
        server.drop_database(name)


def test_switching_to_what_is_not_there_changes_nothing(ops: Ops, database: Settings) -> None:
    for name, why in (("no_such", "there is no database no_such"), (database.owner.database, "live database already")):
        refused = ops.run("switch", name)
        assert refused.code == 1
        assert why in refused.said
    assert one(database.owner.url, "SELECT count(*) FROM users") >= 50


def test_old_backups_go_once_a_newer_good_one_is_there(ops: Ops, id: str) -> None:
    manifest, dump = json.loads(ops.read(f"{id}/manifest.json")), ops.read(f"{id}/dump.age")
    moment = datetime.now(UTC) - timedelta(days=31)
    old = f"{moment:%Y%m%dT%H%M%SZ}-0000"
    manifest |= {"id": old, "created_at": moment.isoformat()}
    ops.put(f"{old}/dump.age", dump)
    ops.put(f"{old}/manifest.json", json.dumps(manifest).encode())
    ops.put(f"{old}/verified.json", b"{}")
    assert ops.states()[old] == "good"
    done = ops.run("backup")
    assert done.code == 0, done.said
    assert done.line("superseded") == {"action": "superseded", "id": old}
    states = ops.states()
    assert old not in states
    assert id in states


def test_the_clock_shows_prometheus_what_was_run_beside_it_and_ends_when_told(ops: Ops, id: str) -> None:
    assert ops.run("restore-test", id).code == 0
    process = ops.start("serve", "--port", str(PORT))

    def metrics() -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[0] != "#"}

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=5) as answer:
                return answer.read() == b"ok"
        except OSError:
            return False

    try:
        until(healthy, "it answers")
        shown = metrics()
        good = [each for each, state in ops.states().items() if state == "good"]
        newest = max(json.loads(ops.read(f"{each}/manifest.json"))["created_at"] for each in good)
        moment = datetime.fromisoformat(newest).timestamp()
        assert shown["backup_last_good_timestamp_seconds"] == pytest.approx(moment, abs=0.01)
        assert shown["restore_test_last_timestamp_seconds"] > 0
        failures = shown["backup_failures_total"]
        assert ops.run("backup", BACKUP_RECIPIENT="").code == 2
        assert metrics()["backup_failures_total"] == failures + 1
    finally:
        ops.kill("python3", "jobs", "serve", how="TERM")
        done = ops.end(process)
    assert (done.code, "backup: next at " in done.said) == (0, True), done.said
