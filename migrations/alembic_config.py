"""Alembic's configuration, built in code: no alembic.ini, no working directory."""

from typing import Any

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from psycopg import sql
from sqlalchemy import text

from migrations.revisions import PACKAGE, Revision

RECORD = text("""
    INSERT INTO public.migration_history (revision, checksum, applied_by_release)
    VALUES (:revision, :checksum, :release)
""")


def alembic_config(revisions: list[Revision], *, api_role: str, release: str) -> Config:
    """The configuration of a run that records each revision it applies, in the revision's own transaction."""
    checksums = {revision.id: revision.checksum for revision in revisions}

    def record(ctx: MigrationContext, step: Any, **_: object) -> None:
        applied = str(step.up_revision_id)
        ctx.impl.execute(RECORD.bindparams(revision=applied, checksum=checksums[applied], release=release))

    config = Config()
    config.set_main_option("script_location", str(PACKAGE).replace("%", "%%"))
    config.set_main_option("version_locations", str(revisions[0].path.parent).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(api_role=sql.Identifier(api_role).as_string(), on_version_apply=record)
    return config
