"""Listing, making, changing and removing the caller's installations."""

from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from app.database import Database
from app.installations import repository
from app.installations.schemas import Installation, InstallationChanges, InstallationPage
from app.pages import Cursor, decode_cursor
from app.problems import NotFound, UserGone
from app.tokens import Principal


async def page(database: Database, caller: Principal, *, limit: int, cursor: str | None) -> InstallationPage:
    """The newest installations, or those behind a cursor.

    Raises Unprocessable for a cursor that is none.
    """
    after = decode_cursor(cursor)
    # One more than asked for tells whether there is a next page.
    found = await repository.newest(database, caller, after=after, count=limit + 1)
    items = found[:limit]
    more = len(found) > limit
    return InstallationPage(
        items=items, next_cursor=Cursor(items[-1].created_at, items[-1].id).encode() if more else None
    )


async def get(database: Database, caller: Principal, installation_id: UUID) -> Installation:
    """One installation.

    Raises NotFound when it is not the caller's.
    """
    return _found(await repository.get(database, caller, installation_id))


async def create(database: Database, caller: Principal, mcp_config: dict[str, Any]) -> Installation:
    """A new, pending installation.

    Raises Unauthorized when the caller was removed in this moment.
    """
    async with database.as_user(caller) as connection:
        try:
            return await repository.insert(connection, caller.user_id, mcp_config)
        except ForeignKeyViolation:
            raise UserGone from None


async def change(
    database: Database, caller: Principal, installation_id: UUID, changes: InstallationChanges
) -> Installation:
    """The installation after the change.

    Raises NotFound when it is not the caller's.
    """
    if not changes:
        return await get(database, caller, installation_id)
    async with database.as_user(caller) as connection:
        return _found(await repository.update(connection, installation_id, changes))


async def remove(database: Database, caller: Principal, installation_id: UUID) -> None:
    """Removes one installation.

    Raises NotFound when it is not the caller's.
    """
    async with database.as_user(caller) as connection:
        if not await repository.delete(connection, installation_id):
            raise NotFound("There is no such installation.")


def _found(installation: Installation | None) -> Installation:
    if installation is None:
        raise NotFound("There is no such installation.")
    return installation
