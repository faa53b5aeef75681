"""The revision files: their ids, names and checksums, read without importing them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent
VERSIONS = PACKAGE / "versions"


@dataclass(frozen=True)
class Revision:
    """One file of `versions/`, such as `0007_usage.py`."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name[:4]

    @property
    def name(self) -> str:
        return self.path.stem[5:].replace("_", " ")

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def revisions(versions: Path = VERSIONS) -> list[Revision]:
    """All revisions, oldest first."""
    return [Revision(path) for path in sorted(versions.glob("[0-9][0-9][0-9][0-9]_*.py"))]


def head(versions: Path = VERSIONS) -> str:
    """The id of the newest revision."""
    return revisions(versions)[-1].id


def digest(versions: Path = VERSIONS) -> str:
    """A checksum of all revisions: another one means that the migrations step has something to do."""
    lines = [f"{revision.path.name} {revision.checksum}\n" for revision in revisions(versions)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
