"""What the database has already been through, compared with the revision files."""

from collections.abc import Sequence
from dataclasses import dataclass

from migrations.connection import Connection
from migrations.errors import MigrationError
from migrations.revisions import Revision


@dataclass(frozen=True)
class History:
    """The database's revision (None before the first) and the checksum that each applied revision had."""

    revision: str | None
    checksums: dict[str, str]

    @classmethod
    def read(cls, connection: Connection) -> "History":
        if connection.execute("SELECT to_regclass('public.migration_history')").fetchone() == (None,):
            return cls(None, {})
        row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
        applied = connection.execute("SELECT revision, checksum FROM public.migration_history")
        checksums = {str(revision): str(checksum) for revision, checksum in applied}
        return cls(str(row[0]) if row else None, checksums)

    def is_newer_than(self, revisions: Sequence[Revision]) -> bool:
        """A later release has migrated; by expand and contract an earlier one still works with its schema."""
        return self.revision is not None and self.revision > revisions[-1].id

    def pending(self, revisions: Sequence[Revision]) -> list[Revision]:
        """The revisions to apply, oldest first. A difference in what was applied is an error."""
        applied = [revision for revision in revisions if self.revision and revision.id <= self.revision]
        for revision in applied:
            self._check(revision)
        known = {revision.id for revision in revisions}
        missing = sorted(id for id in self.checksums if id <= max(known) and id not in known)
        if missing:
            raise MigrationError(
                f"the database has applied {', '.join(missing)}, which this release lacks: restore the file, "
                "an applied revision is never removed"
            )
        return list(revisions[len(applied) :])

    def _check(self, revision: Revision) -> None:
        recorded = self.checksums.get(revision.id)
        if recorded != revision.checksum:
            raise MigrationError(
                f"{revision.path.name} was changed after it was applied (applied {recorded or 'unrecorded'}, "
                f"now {revision.checksum}): restore the file and put the change into a new revision"
            )
