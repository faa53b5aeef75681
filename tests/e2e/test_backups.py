"""Backups of the deployed stack, and the ways back from them."""

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import migrations
from infra import labels

from .conftest import Done, Person, Stack, eventually
from .test_migrations import REVISION


@dataclass(frozen=True)
class Known:
    """A backup, and somebody in it with what they had installed by then."""

    backup: str
    person: Person
    installation: str


def register(client: httpx.Client) -> Person:
    email, password = f"{secrets.token_hex(6)}@example.com", secrets.token_hex(12)
    body = client.post("/api/auth/register", json={"email": email, "password": password}).json()
    return Person(email, password, body["access_token"], body["user"]["id"])


def install(client: httpx.Client, person: Person) -> str:
    answer = client.post("/api/installations", headers=person.headers, json={"mcp_config": {"servers": {}}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def installations(client: httpx.Client, person: Person) -> set[str]:
    answer = client.get("/api/installations", headers=person.headers)
    assert answer.status_code == 200, answer.text
    return {each["id"] for each in answer.json()["items"]}


def use(client: httpx.Client, person: Person, feature: str) -> None:
    asked = {"feature": feature, "usage_count": 1, "metadata": {}}
    assert client.post("/api/usage", headers=person.headers, json=asked).status_code == 201


def features(client: httpx.Client, person: Person) -> set[str]:
    """What the person's analytics tell of, from the cache or not."""
    return {each["feature"] for each in client.get("/api/analytics", headers=person.headers).json()["items"]}


def status(client: httpx.Client, person: Person) -> int:
    return client.get("/api/users/me", headers=person.headers).status_code


def make_backup(stack: Stack) -> str:
    done = stack.ops("backup")
    assert done.code == 0, done.text
    found = re.search(r"^backup (\S+) of \S+ is good", done.text, re.MULTILINE)
    assert found, done.text
    return found[1]


@pytest.fixture(scope="module")
def known(stack: Stack, client: httpx.Client) -> Known:
    person = register(client)
    installation = install(client, person)
    use(client, person, "early")
    return Known(make_backup(stack), person, installation)


@pytest.fixture
def settled(stack: Stack) -> Generator[None]:
    """Whatever a test met, the stack serves afterwards, and has no more databases than it needs."""
    yield
    database = stack.containers("database")[0]
    if database.status == "paused":
        database.unpause()
    for name in databases(stack) - {"nuggetwise", "postgres"}:
        stack.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


pytestmark = pytest.mark.usefixtures("settled")


def databases(stack: Stack) -> set[str]:
    return set(stack.sql("SELECT datname FROM pg_database WHERE NOT datistemplate").split())


def kept(stack: Stack) -> set[str]:
    return {name for name in databases(stack) if name.startswith("nuggetwise_before_")}


def test_a_backup_is_listed_with_what_is_in_it(stack: Stack, known: Known) -> None:
    done = stack.ops("backups")
    assert done.code == 0, done.text
    head, newest = done.text.splitlines()[:2]
    assert head.split() == ["ID", "WHEN", "(UTC)", "SIZE", "ROWS", "REVISION", "STATE"]
    assert newest.startswith(known.backup)
    assert newest.split()[-2:] == [stack.outputs()["schema_revision"], "good"]


def test_an_unknown_backup_is_refused(stack: Stack) -> None:
    done = stack.ops("restore", "20000101T000000Z-0000", "--force")
    assert done.code == 1
    assert f"`make backups STACK={stack.name}` lists them" in done.text


def test_a_restore_brings_the_backup_back_and_can_be_undone(stack: Stack, client: httpx.Client, known: Known) -> None:
    person = known.person
    later, newcomer = install(client, person), register(client)
    use(client, person, "late")
    assert features(client, person) == {"early", "late"}, "which is cached from now on"
    logged_out = client.post("/api/auth/login", json={"email": person.email, "password": person.password}).json()
    revoked = replace(person, token=logged_out["access_token"])
    assert client.post("/api/auth/logout", headers=revoked.headers).status_code == 204
    before = databases(stack)

    refused = stack.ops("restore", known.backup, "--yes")
    assert refused.code == 1
    assert re.search(r"\d rows? of users", refused.text), refused.text
    assert "FORCE=1" in refused.text
    assert (databases(stack), status(client, newcomer)) == (before, 200)

    done = stack.ops("restore", known.backup, "--force")
    assert done.code == 0, done.text
    assert installations(client, person) == {known.installation}
    assert features(client, person) == {"early"}, "the cache tells nothing of the database before"
    assert status(client, newcomer) == 401
    assert status(client, revoked) == 401, "who logged out stays logged out"
    login = client.post("/api/auth/login", json={"email": person.email, "password": person.password})
    assert login.status_code == 200
    assert client.get("/api/health").status_code == 200
    assert stack.ops("status").code == 0
    assert_settled(stack)
    assert len(kept(stack)) == 1

    back = stack.ops("restore", "--back", "1", "--yes")
    assert back.code == 0, back.text
    assert installations(client, person) == {known.installation, later}
    assert features(client, person) == {"early", "late"}
    assert status(client, newcomer) == 200
    assert len(kept(stack)) == 1, "one step back is kept, and no more"
    assert_settled(stack)


def assert_settled(stack: Stack) -> None:
    """The stack's state agrees with what is there."""
    assert stack.sql("SELECT public.schema_revision()") == stack.outputs()["schema_revision"]
    assert stack.resource_changes() == {}


def test_a_backup_with_nothing_newer_takes_a_yes(stack: Stack, client: httpx.Client, known: Known) -> None:
    newest = make_backup(stack)
    silent = stack.ops("restore", "latest")
    assert silent.code == 1
    assert "YES=1" in silent.text
    done = stack.ops("restore", "latest", "--yes")
    assert done.code == 0, done.text
    assert f"serves backup {newest}" in done.text
    assert known.installation in installations(client, known.person)


def test_into_a_database_beside_the_live_one_goes_on(stack: Stack, client: httpx.Client, known: Known) -> None:
    newcomer = register(client)
    done = stack.ops("restore", known.backup, "--into", "inquest")
    assert done.code == 0, done.text
    assert "\\connect inquest" in done.text
    ids = replace(stack, database="inquest").sql("SELECT id FROM users").split()
    assert known.person.id in ids
    assert newcomer.id not in ids
    assert status(client, newcomer) == 200
    assert "maintenance" not in done.text

    again = stack.ops("restore", "latest", "--into", "nuggetwise")
    assert again.code == 1
    assert "INTO=nuggetwise: that name is taken" in again.text


def start_restore(stack: Stack, known: Known) -> subprocess.Popen[str]:
    return stack.start(sys.executable, "-m", "ops", "--stack", stack.name, "restore", known.backup, "--force")


def killed_at(restore: subprocess.Popen[str], line: str, do: Callable[[], object] = lambda: None) -> None:
    """Kills a command and all that it started once it has said the line, and something was done."""
    with restore as process:
        assert process.stdout
        said: list[str] = []
        for each in process.stdout:
            said.append(each)
            if line in each:
                break
        else:
            raise AssertionError(f"it never said {line!r}: {''.join(said)}")
        do()
        os.killpg(process.pid, signal.SIGKILL)


def jobs_that_run(stack: Stack) -> list[str]:
    """The commands in the ops container beside its loop."""
    processes: Any = stack.containers("ops")[0].top()["Processes"]
    return [row[-1] for row in processes if "-m jobs" in row[-1] and "serve" not in row[-1]]


@pytest.mark.parametrize("line", ["restoring backup", "nothing pending"])
def test_a_restore_that_is_killed_beside_the_live_database_is_run_again(
    stack: Stack, client: httpx.Client, known: Known, line: str
) -> None:
    newcomer = register(client)
    killed_at(start_restore(stack, known), line)
    assert status(client, newcomer) == 200, "the live database serves"
    done = stack.ops("restore", known.backup, "--force")
    assert done.code == 0, done.text
    assert (status(client, newcomer), status(client, known.person)) == (401, 200)
    assert_settled(stack)


@pytest.mark.parametrize("again", ["restore", "up"])
def test_maintenance_that_a_killed_restore_left_is_ended_by_the_next_command(
    stack: Stack, client: httpx.Client, known: Known, again: str
) -> None:
    database = stack.containers("database")[0]

    def in_maintenance() -> bool:
        return "Maintenance" in client.get("/api/users/me", headers=known.person.headers).text

    def stand_still() -> None:
        """Nothing goes on without the database, so the restore is killed within its maintenance."""
        database.pause()
        eventually(in_maintenance, 10, "maintenance begins")
        eventually(lambda: bool(jobs_that_run(stack)), 10, "a command waits for the database")

    killed_at(start_restore(stack, known), "maintenance of", stand_still)
    eventually(lambda: not jobs_that_run(stack), 10, "what the killed command had begun ends with it")
    database.unpause()
    assert in_maintenance()
    assert client.get("/api/health/live").status_code == 200

    done = stack.ops("restore", known.backup, "--force") if again == "restore" else stack.up()
    assert done.code == 0, done.text
    eventually(lambda: status(client, known.person) == 200, 10, "the API serves")
    assert_settled(stack)


@pytest.fixture
def newer_revision(stack: Stack) -> Generator[Path]:
    """A revision that the backups of the release before lack, in the project that the stack is deployed from."""
    parent = migrations.head()
    revision = f"{int(parent) + 1:04}"
    file = stack.project / "migrations" / "versions" / f"{revision}_of_a_test.py"
    text = REVISION.format(
        title="A revision of a test.", revision=revision, parent=parent, statement="COMMENT ON TABLE users IS 'people'"
    )
    file.write_text(text)
    yield file
    file.unlink(missing_ok=True)


def test_a_backup_of_an_older_release_is_brought_to_the_schema_that_is_deployed(
    stack: Stack, client: httpx.Client, known: Known, newer_revision: Path
) -> None:
    def comment() -> str:
        return stack.sql("SELECT obj_description('public.users'::regclass)")

    older = stack.outputs()["schema_revision"]
    assert stack.up().code == 0
    assert stack.outputs()["schema_revision"] == newer_revision.name[:4] > older
    done = stack.ops("restore", known.backup, "--force")
    assert done.code == 0, done.text
    assert comment() == "people"
    assert installations(client, known.person) == {known.installation}
    assert_settled(stack)

    # The revision is given up. No image brings a database to it, so the state has to be told.
    newer_revision.unlink()
    assert stack.up().code == 0
    done = stack.ops("restore", known.backup, "--force")
    assert done.code == 0, done.text
    assert comment() == ""
    told = re.search(r"pulumi up -s \S+ --replace '(.+)'", done.text)
    assert told, done.text
    assert stack.pulumi("up", "--yes", "--skip-preview", "--replace", told[1]).code == 0
    assert stack.outputs()["schema_revision"] == older
    assert_settled(stack)


def lose_database(stack: Stack) -> None:
    stack.containers("database")[0].remove(force=True, v=True)
    wanted: dict[str, str | list[str] | bool] = {
        "label": [f"{labels.STACK}={stack.name}", f"{labels.COMPONENT}=database"]
    }
    for volume in stack.engine.volumes.list(filters=wanted):
        volume.remove(force=True)


def test_after_the_database_was_lost_with_its_volume_the_same_command_brings_it_back(
    stack: Stack, client: httpx.Client, known: Known
) -> None:
    lose_database(stack)
    done: Done = stack.up()
    assert done.code == 0, done.text
    assert status(client, known.person) == 401, "the database is new and empty"
    done = stack.ops("restore", "latest", "--yes")
    assert done.code == 0, done.text
    assert known.installation in installations(client, known.person)
    assert_settled(stack)
