"""Revisions printed as SQL."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from migrations.rendering import rendered
from migrations.revisions import PACKAGE, Revision, revisions

ALL = revisions()
EVERYTHING = rendered(ALL, ALL, release="1.2.3")


@pytest.mark.parametrize("revision", ALL, ids=lambda revision: revision.path.stem)
def test_every_revision_can_be_read_as_sql_by_itself(revision: Revision) -> None:
    text = rendered(ALL, [revision], release="1.2.3")
    inserted = f"VALUES ('{revision.id}', '{revision.checksum}', '1.2.3')"
    assert inserted in text, "it records its checksum"
    assert text.count("migration_history (revision") == 1, "and nothing but itself"


def test_each_revision_is_a_transaction_of_its_own() -> None:
    stamps = [line for line in EVERYTHING.splitlines() if "alembic_version" in line and "version_num=" in line]
    assert len(stamps) == len(ALL) - 1
    assert EVERYTHING.count("BEGIN;") == EVERYTHING.count("COMMIT;") >= len(ALL)


def test_concurrent_indexes_are_built_outside_transactions() -> None:
    inside = False
    for line in EVERYTHING.splitlines():
        inside = {"BEGIN;": True, "COMMIT;": False}.get(line, inside)
        assert not (inside and "CONCURRENTLY" in line), line


def test_every_definer_function_has_a_fixed_search_path_and_is_taken_from_the_public() -> None:
    functions = [part for part in EVERYTHING.split("CREATE FUNCTION ")[1:] if "SECURITY DEFINER" in part]
    assert len(functions) == 8
    for function in functions:
        name = function.partition("(")[0]
        assert "SET search_path = pg_catalog, pg_temp" in function
        assert f"REVOKE EXECUTE ON FUNCTION {name}(" in EVERYTHING


def test_a_percent_sign_is_printed_once() -> None:
    assert "usage ATTACH PARTITION public.%I" in EVERYTHING


def test_an_awkward_role_name_is_quoted() -> None:
    text = rendered(ALL, ALL, api_role='a"b; DROP TABLE users', release="1")
    assert 'TO "a""b; DROP TABLE users"' in text


def test_squawk_finds_no_lock_risk(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "migrations", "sql", "--into", tmp_path], check=True, cwd=PACKAGE.parent)
    files = sorted(tmp_path.glob("*.sql"))
    assert len(files) == len(ALL)
    squawk = shutil.which("squawk") or Path(sys.executable).with_name("squawk")
    done = subprocess.run(
        [squawk, "--config", PACKAGE / "squawk.toml", *files], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
