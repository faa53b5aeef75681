"""What `make lint` says of a revision's SQL."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from migrations.lint import lint
from migrations.revisions import VERSIONS, revisions

UNSAFE = "ALTER TABLE public.users ALTER COLUMN email SET NOT NULL"
RULE = "adding-not-nullable-field"

Lint = Callable[[str], tuple[int, str]]


@pytest.fixture
def lint_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Lint:
    """The exit code and the words about a revision of one statement."""

    def lint_one(sql: str) -> tuple[int, str]:
        shutil.copy(VERSIONS / "0001_bookkeeping.py", tmp_path)
        (tmp_path / "0002_new.py").write_text(
            f'"""A test."""\nfrom alembic import op\nrevision = "0002"\ndown_revision = "0001"\n'
            f'def upgrade() -> None:\n    op.execute("""\n        {sql}\n    """)\n'
        )
        code = lint(revisions(tmp_path))
        told = capfd.readouterr()
        return code, told.out + told.err

    return lint_one


def test_the_revisions_of_this_release_carry_no_lock_risk(capfd: pytest.CaptureFixture[str]) -> None:
    code = lint(revisions())
    assert code == 0, capfd.readouterr()


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        (UNSAFE, RULE),
        ("CREATE INDEX IF NOT EXISTS i ON public.users (created_at)", "require-concurrent-index-creation"),
        ("ALTER TABLE public.users DROP COLUMN IF EXISTS email", "ban-drop-column"),
        ("ALTER TABLE public.users RENAME COLUMN email TO address", "renaming-column"),
        ("ALTER TABLE public.users ALTER COLUMN email TYPE varchar(9)", "changing-column-type"),
        ("ALTER TABLE public.users ADD CONSTRAINT c CHECK (email <> '')", "constraint-missing-not-valid"),
    ],
)
def test_an_unsafe_revision_is_refused_with_the_rule_s_name(lint_of: Lint, sql: str, rule: str) -> None:
    code, told = lint_of(sql)
    assert code != 0
    assert rule in told
    assert "0002_new.sql" in told


def test_an_exception_with_its_reason_is_accepted(lint_of: Lint) -> None:
    code, told = lint_of(f"-- squawk-ignore {RULE} -- a validated check proves it\n        {UNSAFE}")
    assert code == 0, told


@pytest.mark.parametrize("end", ["", " --", " -- ", ": a reason that squawk itself does not understand"])
def test_an_exception_without_a_reason_is_refused(lint_of: Lint, end: str) -> None:
    code, told = lint_of(f"-- squawk-ignore {RULE}{end}\n        {UNSAFE}")
    assert code != 0
    assert "0002_new.py: an exception needs its reason" in told


def test_an_exception_counts_for_its_own_statement_and_rule_only(lint_of: Lint) -> None:
    code, told = lint_of(f"-- squawk-ignore ban-drop-column -- another matter\n        {UNSAFE}")
    assert (code, RULE in told) == (1, True)
    excused = f"-- squawk-ignore {RULE} -- a validated check proves it\n        {UNSAFE}"
    code, told = lint_of(f"{excused};\n        {UNSAFE.replace('email', 'id')}")
    assert (code, RULE in told) == (1, True)


def test_the_limits_of_time_are_in_what_is_linted(lint_of: Lint) -> None:
    """Else squawk would ask for them in each revision, where a run has them as options of its connection."""
    code, told = lint_of("COMMENT ON TABLE public.users IS 'people'")
    assert code == 0, told
