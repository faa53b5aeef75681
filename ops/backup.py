"""`make backup` and `make backups`: make one, and see which there are."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ops import job, stack_file
from ops.job import Jobs, Line

HEADINGS = ("ID", "WHEN (UTC)", "SIZE", "ROWS", "REVISION", "STATE")
GOOD, UNVERIFIED = "good", "unverified"


@dataclass(frozen=True)
class Backup:
    """A backup of the database. `state` is `good`, `unverified` or `broken: why`; `bytes` are those in the bucket.

    Of one that was cut short, not all is known.
    """

    id: str
    created_at: datetime
    bytes: int | None
    rows: int | None
    schema_revision: str | None
    state: str
    superseded: bool
    release: str | None

    @property
    def when(self) -> str:
        return f"{self.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    @property
    def row(self) -> tuple[str, ...]:
        state = f"{self.state}, superseded" if self.superseded else self.state
        return self.id, self.when, size(self.bytes), counted(self.rows), self.schema_revision or "-", state


def backup(stack: str) -> int:
    """Makes a backup, which counts once it was restored and compared. Returns the job's exit code."""
    ended = job.of(stack_file.load(stack)).run("backup")
    if ended.code == 0:
        made = next((line["id"] for line in ended.lines if line.get("action") == "verified"), "")
        print(f"backup {made} of {stack} is good: it was restored and compared")
    return ended.code


def backups(stack: str) -> int:
    """Prints a table, newest first."""
    found = listed(job.of(stack_file.load(stack)))
    if found:
        print(table([HEADINGS, *(each.row for each in found)]))
    else:
        print(f"stack {stack} has no backups yet; make one: make backup STACK={stack}", file=sys.stderr)
    return 0


def listed(jobs: Jobs) -> list[Backup]:
    """All backups, newest first. Raises OperatorError when they cannot be listed."""
    found = [parsed(line) for line in job.done(jobs, "backups")]
    return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)


def parsed(line: Line) -> Backup:
    """A backup as `jobs backups` tells of it."""
    return Backup(
        id=line["id"],
        created_at=datetime.fromisoformat(line["created_at"]),
        bytes=line["bytes"],
        rows=line["rows"],
        schema_revision=line["schema_revision"],
        state=line["state"],
        superseded=line["superseded"],
        release=line["release"],
    )


def counted(rows: int | None) -> str:
    """`1,234`."""
    return "-" if rows is None else f"{rows:,}"


def size(count: int | None) -> str:
    """Bytes for people: `13.4 MB`."""
    if count is None:
        return "-"
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)
