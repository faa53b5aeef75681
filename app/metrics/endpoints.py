"""`GET /api/metrics`; the load balancer keeps it inside."""

from contextlib import suppress

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.cache import CacheUnavailable
from app.metrics.registry import CONTENT_TYPE
from app.problems import NotFound
from app.resources import Here

router = APIRouter(tags=["operations"])


# Not in the OpenAPI document: it is not for those who read that.
@router.get("/api/metrics", response_class=Response, include_in_schema=False)
async def metrics(here: Here, request: Request) -> Response:
    """The metrics of this process, for Prometheus beside it: whoever comes through a load balancer finds nothing."""
    # Every load balancer adds this header, and on some platforms there is none of ours in front that could refuse.
    if "x-forwarded-for" in request.headers:
        raise NotFound("Not Found")
    # A cache that went away while nobody needed it shows all the same.
    with suppress(CacheUnavailable):
        await here.cache.ping()
    return Response(here.metrics.render(), headers={"Content-Type": CONTENT_TYPE})
