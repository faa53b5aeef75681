"""One attempt at one revision, on a connection of its own."""

from collections.abc import Sequence

from alembic import command
from sqlalchemy import NullPool, create_engine

from migrations.alembic_config import alembic_config
from migrations.connection import connect
from migrations.revisions import Revision
from migrations.settings import Settings


def attempt(settings: Settings, revisions: Sequence[Revision], revision: Revision) -> None:
    """Apply the revision, or leave the database as it was (but for what ran outside a transaction)."""
    config = alembic_config(list(revisions), api_role=settings.api.role, release=settings.release)
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(settings.owner, release=settings.release, autocommit=False),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision.id)
