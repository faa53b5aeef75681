"""Which commit the previous release is, and its files."""

import io
import subprocess
import tarfile
from pathlib import Path

from infra.release import ROOT
from migrations.revisions import Revision


class NoHistory(Exception):
    """This clone does not hold the commit; the text says why and what to do."""


def before(newest: Revision, root: Path = ROOT) -> str:
    """The commit before the one that added the revision; HEAD while the revision is not committed.

    Raises NoHistory in a copy without git and in a shallow clone.
    """
    if _git(root, "rev-parse", "--is-inside-work-tree") is None:
        raise NoHistory("no git clone: run it in a clone")
    name = newest.path.relative_to(root).as_posix()
    # Without --no-renames a revision that was given another number would not count as added.
    added = _git(root, "log", "-1", "--no-renames", "--diff-filter=A", "--format=%H", "--", name)
    commit = _git(root, "rev-parse", "--verify", "--quiet", f"{added}^{{commit}}^" if added else "HEAD")
    if commit is None:
        raise NoHistory(f"the clone is shallow and lacks the commit before {name}: run `git fetch --unshallow`")
    return commit


def export(commit: str, folder: Path, root: Path = ROOT) -> None:
    """Write the commit's files into the folder."""
    archive = subprocess.run(["git", "archive", commit], cwd=root, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None when it fails or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
