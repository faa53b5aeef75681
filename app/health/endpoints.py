"""`/api/health`, `/api/health/live` and `/api/health/ready`."""

from fastapi import APIRouter, Response

from app.health import service
from app.health.schemas import Alive, Health, Ready
from app.problems import Unavailable, documented
from app.resources import Here

router = APIRouter(prefix="/api/health", tags=["operations"])


@router.get("", responses={503: {"model": Health, "description": "The database or the cache fails."}})
async def health(here: Here, response: Response) -> Health:
    """The state of every dependency."""
    document = await service.health(here)
    if document.status == "unhealthy":
        response.status_code = 503
    return document


@router.get("/live")
async def live() -> Alive:
    """The process answers. Asks nothing else, so that an outage of a shared service restarts no replica."""
    return Alive()


@router.get("/ready", responses=documented(503))
async def ready(here: Here) -> Ready:
    """Whether load balancers should send requests here.

    Once the database, the cache and the schema were seen it stays so until the process is told to end: otherwise an
    outage of a shared service would take every replica out at once.
    """
    if here.lifecycle.draining:
        raise Unavailable("This process is about to end.")
    if not here.lifecycle.everything_seen:
        if missing := await service.missing(here.database, here.cache, here.schema_head):
            raise Unavailable(f"Not seen yet: {', '.join(missing)}.")
        here.lifecycle.everything_seen = True
    return Ready()
