"""Which commit the tests of expand and contract take for the previous release."""

import subprocess
from pathlib import Path

import pytest

from migrations.revisions import Revision
from tests.previous_release.release import NoHistory, before, export


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, **files: str) -> str:
    """Commit files, whose names are given without `.py`."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "test")
    return git(folder, "rev-parse", "HEAD")


def test_it_is_the_commit_before_the_one_that_added_the_newest_revision(clone: Path) -> None:
    previous = commit(clone, r0001_one="1", app="old")
    commit(clone, r0002_two="2", app="new")
    commit(clone, r0002_two="2, mended", app="newer")
    assert before(Revision(clone / "r0002_two.py"), clone) == previous
    export(previous, clone / "release", clone)
    assert (clone / "release" / "app.py").read_text() == "old"


def test_it_is_the_last_commit_while_the_revision_is_not_committed(clone: Path) -> None:
    last = commit(clone, r0001_one="1")
    (clone / "r0002_two.py").write_text("2")
    assert before(Revision(clone / "r0002_two.py"), clone) == last


def test_a_revision_that_was_given_another_number_counts_from_then_on(clone: Path) -> None:
    commit(clone, r0001_one="1")
    previous = commit(clone, r0002_two="the same text as before")
    (clone / "r0002_two.py").rename(clone / "r0003_two.py")
    commit(clone)
    assert before(Revision(clone / "r0003_two.py"), clone) == previous


def test_a_shallow_clone_is_told_to_fetch_the_rest(clone: Path, tmp_path: Path) -> None:
    commit(clone, r0001_one="1")
    commit(clone, r0002_two="2")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{clone}", str(shallow))
    with pytest.raises(NoHistory, match="git fetch --unshallow"):
        before(Revision(shallow / "r0002_two.py"), shallow)


def test_a_copy_without_git_is_no_clone(tmp_path: Path) -> None:
    (tmp_path / "r0001_one.py").write_text("1")
    with pytest.raises(NoHistory, match="no git clone"):
        before(Revision(tmp_path / "r0001_one.py"), tmp_path)
