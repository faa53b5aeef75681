"""`GET /api/analytics`."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from app.analytics import service
from app.analytics.schemas import Analytics
from app.auth.caller import Caller
from app.problems import documented
from app.resources import Here

router = APIRouter(tags=["usage"])

_X_CACHE: Final[dict[str, Any]] = {
    "X-Cache": {"description": "Whether the cache had it.", "schema": {"type": "string", "enum": ["hit", "miss"]}}
}


@router.get(
    "/api/analytics",
    response_model=Analytics,
    responses={200: {"headers": _X_CACHE}, **documented(401, 503)},
)
async def analytics(here: Here, caller: Caller) -> Response:
    """The caller's usage per feature and day (UTC), of the last 30 days; at most five minutes old."""
    document, source = await service.analytics(here.database, here.cache, caller)
    # Written already: the cache keeps bytes.
    return Response(document, media_type="application/json", headers={"X-Cache": source})
