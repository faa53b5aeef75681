"""Revisions as SQL text, to read before it runs and to lint."""

import io
from collections.abc import Sequence

from alembic import command

from migrations.alembic_config import alembic_config
from migrations.connection import TIMEOUTS
from migrations.revisions import Revision
from migrations.settings import DEFAULT_API_ROLE


def rendered(
    revisions: Sequence[Revision],
    wanted: Sequence[Revision],
    *,
    api_role: str = DEFAULT_API_ROLE,
    release: str,
) -> str:
    """The SQL of the wanted revisions, which have to follow each other."""
    before = [revision for revision in revisions if revision.id < wanted[0].id]
    config = alembic_config(list(revisions), api_role=api_role, release=release)
    config.output_buffer = io.StringIO()
    # A run has these as connection options; here they are for whoever reads or runs the text.
    for name, value in TIMEOUTS.items():
        config.output_buffer.write(f"SET {name} = '{value}';\n")
    command.upgrade(config, f"{before[-1].id if before else 'base'}:{wanted[-1].id}", sql=True)
    return config.output_buffer.getvalue()
