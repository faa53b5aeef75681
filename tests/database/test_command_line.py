"""`python -m migrations` as the stack and a person run it."""

import json
import subprocess
import sys
from dataclasses import replace

from migrations import head
from migrations.revisions import PACKAGE, revisions
from migrations.settings import Settings

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
