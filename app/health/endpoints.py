"""`/api/health`, `/api/health/live` and `/api/health/ready`."""

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from app.health import service
from app.health.schemas import Alive, Health, Ready
from app.problems import Unavailable, documented
from app.resources import Here

router = APIRouter(prefix="/api/health", tags=["operations"])

_ALIVE: Final = Alive().model_dump_json().encode()


class _Live(APIRoute):
    """Documented like any route, answered without FastAPI's way to a handler, which would double the cost."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.app = self._answer

    async def _answer(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ALIVE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _ALIVE})


async def live() -> Alive:
    """The process answers. Asks nothing else, so that an outage of a shared service restarts no replica."""
    return Alive()


# First, because it is asked most.
router.add_api_route("/live", live, route_class_override=_Live)


@router.get("", responses={503: {"model": Health, "description": "The database or the cache fails."}})
async def health(here: Here, response: Response) -> Health:
    """The state of every dependency."""
    document = await service.health(here)
    if document.status == "unhealthy":
        response.status_code = 503
    return document


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
