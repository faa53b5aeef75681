"""The migrations step, as a part of deploying."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import migrations

from .conftest import Person, Stack

REVISION = '''"""{title}"""

from alembic import op

revision = "{revision}"
down_revision = "{parent}"


def upgrade() -> None:
    op.execute("{statement}")
'''


@pytest.fixture
def add_revision(stack: Stack) -> Generator[Callable[[str], Path]]:
    """Adds a revision to the copy of the project that the stack is deployed from; takes it away again."""
    head = migrations.head()
    file = stack.project / "migrations" / "versions" / f"{int(head) + 1:04}_of_a_test.py"

    def add(statement: str) -> Path:
        text = REVISION.format(
            title="A revision of a test.", revision=f"{int(head) + 1:04}", parent=head, statement=statement
        )
        file.write_text(text)
        return file

    yield add
    file.unlink(missing_ok=True)


def test_the_schema_is_at_the_head_of_the_release(stack: Stack) -> None:
    assert stack.outputs()["schema_revision"] == migrations.head()
    assert migrations.head() in stack.outputs()["migration_log"]


@contextmanager
def constant_requests(stack: Stack) -> Generator[list[str]]:
    """Asks one question after another in the background; the list holds the answers that were not 200."""
    stop, failures = threading.Event(), list[str]()

    def ask() -> None:
        while not stop.is_set():
            try:
                # A connection each: nginx must find a replica anew every time.
                status = str(httpx.get(f"{stack.url}/api/health/live", timeout=30).status_code)
            except httpx.HTTPError as error:
                status = repr(error)
            if status != "200":
                failures.append(status)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield failures
    finally:
        stop.set()
        thread.join()


def test_a_code_change_alone_runs_no_migration_and_fails_no_request(stack: Stack, client: httpx.Client) -> None:
    ran = stack.outputs()["migration_log"]
    before = stack.outputs()["app_version"]
    with stack.changed_code():
        preview = stack.pulumi("preview", "--diff").text
        assert "MigrationRun" not in preview, preview
        with constant_requests(stack) as failures:
            done = stack.up()
        assert done.code == 0, done.text
        assert failures == []
        assert stack.outputs()["migration_log"] == ran
        assert client.get("/api/health").json()["version"] == stack.outputs()["app_version"] != before


def test_a_broken_migration_stops_the_update_and_the_old_version_still_serves(
    stack: Stack, client: httpx.Client, new_person: Callable[[], Person], add_revision: Callable[[str], Path]
) -> None:
    person = new_person()
    before = stack.outputs()
    replicas = {container.id for container in stack.containers("api")}
    file = add_revision("ALTER TABLE users ADD COLUMN broken text, ADD COLUMN broken text")

    done = stack.up()

    assert done.code == 1
    assert 'column "broken" of relation "users" already exists' in done.text, done.text
    assert "the version before it is still serving" in done.text
    after = stack.outputs()
    assert after["schema_revision"] == before["schema_revision"]
    assert {container.id for container in stack.containers("api")} == replicas
    assert client.get("/api/users/me", headers=person.headers).status_code == 200
    assert client.get("/api/health").json()["version"] == before["app_version"]

    # The same command tries again: the step that failed is not taken for done.
    assert stack.up().code == 1

    # A column with a comment that carries no lock risk: what expand means. Every version works with it.
    file.unlink()
    add_revision("COMMENT ON TABLE users IS 'people'")
    done = stack.up()
    assert done.code == 0, done.text
    assert stack.outputs()["schema_revision"] == f"{int(before['schema_revision']) + 1:04}"
    assert stack.outputs()["app_version"] != before["app_version"]
    assert {container.id for container in stack.containers("api")}.isdisjoint(replicas)
    assert client.get("/api/users/me", headers=person.headers).status_code == 200


def test_a_release_that_is_older_than_the_schema_deploys_and_serves(
    stack: Stack, client: httpx.Client, new_person: Callable[[], Person]
) -> None:
    """Follows the test above, whose revision is in the database but not in the project any more: a roll-back."""
    done = stack.up()
    assert done.code == 0, done.text
    assert client.get("/api/users/me", headers=new_person().headers).status_code == 200
