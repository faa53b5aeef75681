"""One attempt at one revision, on a connection of its own."""

from collections.abc import Sequence

import psycopg
from alembic import command
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from migrations.alembic_config import alembic_config
from migrations.blockers import watched
from migrations.connection import Connection, connect
from migrations.failure import Failure
from migrations.lock import WORK, hold
from migrations.revisions import Revision
from migrations.settings import Settings


def attempt(settings: Settings, revisions: Sequence[Revision], revision: Revision, holder: Connection) -> None:
    """Apply the revision, or leave the database as it was (but for what ran outside a transaction).

    `holder` has the runner's lock, and meanwhile watches who is in the way. Raises Failure.
    """
    config = alembic_config(list(revisions), api_role=settings.api.role, release=settings.release)
    with connect(settings.owner, release=settings.release, autocommit=True) as worker:
        hold(worker, WORK, settings.lock_wait_seconds)
        worker.autocommit = False
        engine = create_engine("postgresql+psycopg://", creator=lambda: worker, poolclass=NullPool)
        with watched(holder, worker.info.backend_pid) as blockers:
            try:
                with engine.connect() as connection:
                    config.attributes["connection"] = connection
                    command.upgrade(config, revision.id)
                    # The server would notice the session's end a little after the next attempt has asked for it.
                    connection.exec_driver_sql(f"SELECT pg_advisory_unlock({WORK})")
            except DBAPIError as error:
                if not isinstance(error.orig, psycopg.Error):
                    raise
                raise Failure(error.orig, error.statement, blockers) from error
