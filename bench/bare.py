"""What the API is measured against: the same answers from bare handlers, on the same server and the same kind of pool.

`python -m bench.bare` inside the API's image, with the API's own variables: `/bare/installations` is FastAPI,
`/bare/live` is Starlette, each as its documentation shows it.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Request
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from app.installations.schemas import Installation, InstallationPage

_SELECT = """
SELECT id, status, mcp_config, error_message, created_at, updated_at FROM public.installations
ORDER BY created_at DESC, id DESC LIMIT 21
"""


async def live(_request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def installations_app(pool: AsyncConnectionPool[AsyncConnection[Any]]) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/installations/{user_id}")
    async def read_page(user_id: UUID) -> InstallationPage:  # pyright: ignore[reportUnusedFunction]
        async with pool.connection() as connection:
            await connection.execute("BEGIN")
            await connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (f'{{"sub": "{user_id}"}}',))
            async with connection.cursor(row_factory=class_row(Installation)) as cursor:
                items = await (await cursor.execute(_SELECT)).fetchall()
            await connection.execute("COMMIT")
        return InstallationPage(items=items, next_cursor=None)

    return app


def create_app() -> Starlette:
    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        os.environ["DATABASE_URL"],
        open=False,
        min_size=2,
        max_size=int(os.environ["DATABASE_POOL_SIZE"]),
        kwargs={"autocommit": True, "prepare_threshold": None},
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with pool:
            yield

    return Starlette(routes=[Route("/live", live), Mount("/", installations_app(pool))], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(
        create_app(),
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
