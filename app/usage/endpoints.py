"""`/api/usage`."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from app.auth.caller import Caller
from app.pages import CursorText, Limit
from app.problems import documented
from app.resources import Here
from app.usage import service
from app.usage.schemas import NewUsage, Usage, UsagePage

router = APIRouter(prefix="/api/usage", tags=["usage"])


def _instant(text: object) -> object:
    """Stricter than pydantic, which takes a number for seconds since 1970 and a time without a zone."""
    if not isinstance(text, str):
        return text
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError("must be a time with its zone, like 2026-11-23T00:00:00Z")
    return instant


Instant = Annotated[datetime, BeforeValidator(_instant)]


@router.post("", status_code=201, responses=documented(400, 401, 413, 422, 503))
async def create(here: Here, caller: Caller, new: NewUsage) -> Usage:
    """Adds to the caller's usage. Generated components are counted by the API itself, and refused here."""
    return await service.create(here.database, caller, new)


@router.get("", responses=documented(401, 422, 503))
async def read_page(
    here: Here,
    caller: Caller,
    since: Annotated[Instant | None, Query(alias="from", description="Default: 30 days before `to`.")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Not included. Default: now.")] = None,
    limit: Limit = 20,
    cursor: CursorText = None,
) -> UsagePage:
    """The caller's usage in a range of time, newest first."""
    return await service.page(here.database, caller, since=since, until=until, limit=limit, cursor=cursor)
