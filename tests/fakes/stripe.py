"""A fake of Stripe: answers that it is there, and nothing else."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def root(_request: Request) -> JSONResponse:
    return JSONResponse({"fake": "stripe"})


def create_app() -> Starlette:
    return Starlette(routes=[Route("/", root)])
