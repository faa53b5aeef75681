"""The revision files and what is derived from them without importing Alembic."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import migrations
from migrations.revisions import VERSIONS, Revision, digest, head, revisions

ALL = revisions()


def constants(revision: Revision) -> dict[str, object]:
    """The simple assignments at the top of a revision file."""
    tree = ast.parse(revision.path.read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    return {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in assigned}


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A copy of the revision files, to change."""
    return shutil.copytree(VERSIONS, tmp_path / "versions", ignore=shutil.ignore_patterns("__pycache__"))


def test_every_file_of_the_folder_is_a_revision() -> None:
    assert [revision.path for revision in ALL] == sorted(VERSIONS.glob("*.py"))


def test_the_history_is_linear_and_counts_up_without_gaps() -> None:
    ids = [f"{number:04}" for number in range(1, len(ALL) + 1)]
    assert [revision.id for revision in ALL] == ids
    assert [constants(revision)["revision"] for revision in ALL] == ids
    assert [constants(revision)["down_revision"] for revision in ALL] == [None, *ids[:-1]]


@pytest.mark.parametrize("revision", ALL, ids=lambda revision: revision.path.stem)
def test_every_revision_says_what_it_is_for_and_has_no_way_back(revision: Revision) -> None:
    tree = ast.parse(revision.path.read_text())
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert ast.get_docstring(tree), "a revision begins with a docstring"
    assert "upgrade" in functions
    assert "downgrade" not in functions, "expand and contract: what went wrong is put right by a new revision"


@pytest.mark.parametrize("revision", ALL, ids=lambda revision: revision.path.stem)
def test_no_revision_names_the_role_of_one_environment(revision: Revision) -> None:
    assert "nuggetwise_" not in revision.path.read_text()


def test_the_head_is_the_newest_revision() -> None:
    assert head() == migrations.head() == ALL[-1].id


def test_the_digest_stays_while_the_files_stay(versions: Path) -> None:
    assert digest(versions) == digest() == migrations.digest()


def test_the_digest_changes_with_a_file_s_content(versions: Path) -> None:
    with (versions / ALL[3].path.name).open("a") as file:
        file.write("# changed\n")
    assert digest(versions) != digest()


def test_the_digest_changes_with_a_new_file(versions: Path) -> None:
    (versions / "9999_new.py").write_text("")
    assert digest(versions) != digest()
    assert head(versions) == "9999"


def test_the_digest_ignores_what_python_leaves_in_the_folder(versions: Path) -> None:
    (versions / "__pycache__").mkdir()
    (versions / "__pycache__" / "0001_bookkeeping.cpython-313.pyc").write_bytes(b"")
    assert digest(versions) == digest()


def test_head_and_digest_load_no_database_library() -> None:
    program = "import sys, migrations; migrations.head(), migrations.digest(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"alembic", "sqlalchemy", "psycopg"} & set(done.stdout.split())
