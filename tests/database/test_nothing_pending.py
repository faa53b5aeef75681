"""A run with nothing to do, which every deployment pays for: it waits for nobody, and asks little."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migrations import runner
from migrations.connection import Connection, connect
from migrations.lock import only_runner
from migrations.revisions import PACKAGE
from migrations.settings import Settings

from .conftest import AddRevision, environment_of, run


class Recording(psycopg.Cursor[tuple[object, ...]]):
    """Keeps what was asked."""

    asked: list[str]

    def execute(self, query: Any, *arguments: Any, **options: Any) -> "Recording":
        self.asked.append(str(query))
        return super().execute(query, *arguments, **options)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of the runner's."""
    Recording.asked = []

    def recorded(*arguments: Any, **options: Any) -> Connection:
        connection = connect(*arguments, **options)
        connection.cursor_factory = Recording
        return connection

    monkeypatch.setattr(runner, "connect", recorded)
    return Recording.asked


def test_it_waits_for_no_other_runner(empty: Settings, versions: Path) -> None:
    run(empty, versions)
    with only_runner(empty, empty.owner):
        report = run(empty, versions)
    assert (report.schema_revision, report.applied) == ("0001", [])


def test_it_takes_no_lock_that_anyone_else_s_could_be_in_the_way_of(empty: Settings, versions: Path) -> None:
    run(empty, versions)
    with psycopg.connect(empty.owner.url) as other:
        other.execute("LOCK TABLE alembic_version, migration_history IN EXCLUSIVE MODE")
        assert run(empty, versions).applied == []


def test_it_asks_a_few_questions_whatever_the_number_of_revisions(
    empty: Settings, versions: Path, add_revision: AddRevision, asked: list[str]
) -> None:
    for number in range(2, 12):
        add_revision(f"{number:04}_comment", "op.execute(\"COMMENT ON SCHEMA public IS 'a test'\")")
    run(empty, versions)
    asked.clear()
    assert run(empty, versions).applied == []
    assert len(asked) == 3, asked
    assert all(query.startswith("SELECT") and "advisory" not in query for query in asked)


def test_it_is_over_before_alembic_and_sqlalchemy_are_loaded(migrated: Settings) -> None:
    program = "import sys; from migrations.__main__ import main; main(['upgrade']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=PACKAGE.parent,
        env=environment_of(migrated),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "nothing pending" in done.stderr
    assert not {"alembic", "sqlalchemy"} & set(done.stdout.split())
