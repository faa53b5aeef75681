"""What the API is measured against: bare handlers, as the frameworks' documentation shows them, on the same server.

`python -m bench.bare fastapi|starlette` in the API's image, with the API's own variables.
"""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.installations.schemas import Installation, InstallationPage

_SELECT: Final = """
SELECT id, status, mcp_config, error_message, created_at, updated_at FROM public.installations
ORDER BY created_at DESC, id DESC LIMIT 21
"""


def with_fastapi() -> FastAPI:
    """`GET /installations/{user_id}`: BEGIN, set_config, SELECT, COMMIT, and the API's own model of the answer."""
    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        os.environ["DATABASE_URL"],
        open=False,
        min_size=2,
        max_size=int(os.environ["DATABASE_POOL_SIZE"]),
        kwargs={"autocommit": True, "prepare_threshold": None},
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/installations/{user_id}")
    async def read_page(user_id: UUID) -> InstallationPage:  # pyright: ignore[reportUnusedFunction]
        claims = f'{{"sub": "{user_id}"}}'
        async with pool.connection() as connection:
            await connection.execute("BEGIN")
            await connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims,))
            async with connection.cursor(row_factory=class_row(Installation)) as cursor:
                await cursor.execute(_SELECT)
                items = await cursor.fetchall()
            await connection.execute("COMMIT")
        return InstallationPage(items=items, next_cursor=None)

    return app


def with_starlette() -> Starlette:
    """`GET /live`: a constant."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    return Starlette(routes=[Route("/live", live)])


if __name__ == "__main__":
    bare: ASGIApp = {"fastapi": with_fastapi, "starlette": with_starlette}[sys.argv[1]]()
    uvicorn.run(
        bare,
        host="0.0.0.0",  # noqa: S104
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
