"""Squawk's opinion of the SQL of each revision: `python -m migrations.lint`, a part of `make lint`.

An exception is written where it applies, in the revision's SQL, before the statement and with its reason:

    -- squawk-ignore adding-not-nullable-field -- the table was made by this release and is empty
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from migrations.rendering import rendered
from migrations.revisions import PACKAGE, Revision, revisions

EXPLAINED = re.compile(r"-- squawk-ignore(-file)? [a-z-]+(, [a-z-]+)* -- \w.*")


def lint(known: Sequence[Revision]) -> int:
    """Print what is wrong with the revisions; the exit code is 0 when nothing is."""
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{revision.path.stem}.sql" for revision in known]
        for revision, file in zip(known, files, strict=True):
            # A file each, since squawk takes a file for a migration.
            file.write_text(rendered(known, [revision], release="unknown"))
        complaints = [complaint for file in files for complaint in unexplained(file)]
        for complaint in complaints:
            print(complaint, file=sys.stderr)
        names = [file.name for file in files]
        done = subprocess.run([_squawk(), "--config", PACKAGE / "squawk.toml", *names], check=False, cwd=folder)
    return done.returncode or int(bool(complaints))


def unexplained(file: Path) -> list[str]:
    """The exceptions in a file of SQL that do not say why."""
    lines = [line.strip() for line in file.read_text().splitlines() if "squawk-ignore" in line]
    return [
        f"{file.stem}.py: an exception needs its reason, as in `-- squawk-ignore rule-name -- reason`: {line}"
        for line in lines
        if not EXPLAINED.fullmatch(line)
    ]


def _squawk() -> str:
    """The program, which the development requirements bring."""
    return shutil.which("squawk") or str(Path(sys.executable).with_name("squawk"))


if __name__ == "__main__":
    sys.exit(lint(revisions()))
