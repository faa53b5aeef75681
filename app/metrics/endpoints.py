"""`GET /api/metrics`; the load balancer keeps it inside."""

from fastapi import APIRouter
from starlette.responses import Response

from app.metrics.registry import CONTENT_TYPE
from app.resources import Here

router = APIRouter(tags=["operations"])


@router.get("/api/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(here: Here) -> Response:
    """The metrics of this process, for Prometheus."""
    return Response(here.metrics.render(), headers={"Content-Type": CONTENT_TYPE})
