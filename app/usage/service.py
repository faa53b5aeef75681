"""Adding to the caller's usage, and listing it."""

from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg.errors import ForeignKeyViolation

from app.database import Database
from app.pages import Cursor, decode_cursor
from app.problems import Unprocessable, UserGone
from app.tokens import Principal
from app.usage import repository
from app.usage.schemas import NewUsage, Usage, UsagePage

_RANGE: Final = timedelta(days=30)
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def create(database: Database, caller: Principal, new: NewUsage) -> Usage:
    """A new row of usage.

    Raises Unauthorized when the caller was removed in this moment.
    """
    async with database.as_user(caller) as connection:
        try:
            return await repository.insert(connection, caller.user_id, new)
        except ForeignKeyViolation:
            raise UserGone from None


async def page(
    database: Database,
    caller: Principal,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    cursor: str | None,
) -> UsagePage:
    """The newest usage of a range, or what is behind a cursor.

    Raises Unprocessable for a range that is empty and a cursor that is none.
    """
    after = decode_cursor(cursor)
    # A replica's clock may be behind the database's.
    until = until or datetime.now(UTC) + timedelta(minutes=1)
    since = since or max(until, _FIRST + _RANGE) - _RANGE
    if since >= until:
        raise Unprocessable("The range is empty: `from` must be before `to`.")
    # One more than asked for tells whether there is a next page.
    found = await repository.newest(database, caller, since=since, until=until, after=after, count=limit + 1)
    items = found[:limit]
    more = len(found) > limit
    return UsagePage(items=items, next_cursor=Cursor(items[-1].created_at, items[-1].id).encode() if more else None)
