"""`python -m migrations` as the stack and a person run it."""

import json
import subprocess
import sys
from dataclasses import replace

import psycopg

from migrations import head
from migrations.lock import only_runner
from migrations.revisions import PACKAGE, revisions
from migrations.runner import upgrade
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch

from .conftest import environment_of


def migrations(given: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "migrations", *arguments]
    environment = environment_of(given)
    return subprocess.run(
        command, check=False, cwd=PACKAGE.parent, env=environment, capture_output=True, text=True, timeout=60
    )


def test_deploy_ends_with_a_report_and_a_second_one_has_nothing_to_do(empty: Settings) -> None:
    first, second = migrations(empty, "deploy"), migrations(empty, "deploy")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    ids = [revision.id for revision in revisions()]
    report = json.loads(first.stdout.splitlines()[-1])
    assert (report["schema_revision"], report["applied"]) == (head(), ids)
    assert [line[:4] for line in first.stderr.splitlines()[1:]] == ids, "a line for each"
    assert json.loads(second.stdout.splitlines()[-1])["applied"] == []
    assert f"nothing pending at {head()}" in second.stderr


def test_a_plan_prints_the_pending_sql_and_runs_none(empty: Settings) -> None:
    plan = migrations(empty, "plan")
    assert plan.returncode == 0, plan.stderr
    assert "CREATE TABLE public.users (" in plan.stdout
    assert f"{len(revisions())} pending at the beginning" in plan.stderr
    assert migrations(empty, "current").stdout == "none\n"


def test_a_plan_says_when_nothing_is_pending(migrated: Settings) -> None:
    plan = migrations(migrated, "plan")
    assert (plan.returncode, plan.stdout) == (0, ""), plan.stderr
    assert f"nothing pending at {head()}" in plan.stderr
    assert migrations(migrated, "current").stdout == f"{head()}\n"


def test_a_refused_password_fails_without_being_shown(migrated: Settings) -> None:
    url = migrated.owner.url.replace("owner-secret", "wrong-secret")
    failed = migrations(replace(migrated, owner=replace(migrated.owner, url=url)), "upgrade")
    assert failed.returncode == 1
    assert "password authentication failed" in failed.stderr
    assert "secret" not in failed.stderr + failed.stdout


def test_a_plan_of_a_half_migrated_database_prints_what_is_left_and_waits_for_no_runner(empty: Settings) -> None:
    upgrade(empty, revisions()[:5], Stopwatch())
    with only_runner(empty, empty.owner):
        plan = migrations(empty, "plan")
    assert plan.returncode == 0, plan.stderr
    assert f"{len(revisions()) - 5} pending at 0005" in plan.stderr
    assert "CREATE TABLE public.installations (" in plan.stdout
    assert "CREATE TABLE public.users (" not in plan.stdout
    assert migrations(empty, "current").stdout == "0005\n"


def test_a_plan_is_refused_where_the_history_was_edited(empty: Settings) -> None:
    upgrade(empty, revisions()[:3], Stopwatch())
    with psycopg.connect(empty.owner.url) as owner:
        owner.execute("UPDATE migration_history SET checksum = 'another' WHERE revision = '0002'")
    plan = migrations(empty, "plan")
    assert (plan.returncode, plan.stdout) == (1, "")
    assert "0002_default_privileges.py was changed after it was applied (applied another, now " in plan.stderr


def test_a_plan_says_that_the_database_is_newer_than_the_release(empty: Settings) -> None:
    upgrade(empty, revisions()[:1], Stopwatch())
    with psycopg.connect(empty.owner.url) as owner:
        owner.execute("UPDATE alembic_version SET version_num = '9999'")
        for revision in revisions()[1:]:
            owner.execute(
                "INSERT INTO migration_history (revision, checksum, applied_by_release) VALUES (%s, %s, 'newer')",
                [revision.id, revision.checksum],
            )
    plan = migrations(empty, "plan")
    assert (plan.returncode, plan.stdout) == (0, ""), plan.stderr
    assert "nothing pending at 9999, which is newer than this release" in plan.stderr
