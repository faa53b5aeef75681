"""Serving with uvicorn, and ending without losing a request."""

import asyncio
import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from app.lifecycle import Lifecycle
from app.resources import Resources
from app.settings import Settings

_FINISH_WITHIN: Final = 25  # seconds for requests in flight, so that with draining all is over within 30
_KEEP_ALIVE: Final = 75  # seconds: longer than the 60 of nginx and load balancers, so that it is they who close


class Server(uvicorn.Server):
    """On SIGTERM: not ready, yet still serving, until load balancers had time to notice; only then shut."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, drain_seconds: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_seconds = drain_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drains, then finishes what is in flight."""
        self._lifecycle.draining = True
        end = asyncio.get_running_loop().time() + self._drain_seconds
        while asyncio.get_running_loop().time() < end and not self.force_exit:  # noqa: ASYNC110 (a flag of uvicorn)
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    resources: Resources = app.state.resources
    config = uvicorn.Config(
        app,
        host="0.0.0.0",  # noqa: S104
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # The client's address is ours to find out: `ClientAddress`.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_FINISH_WITHIN,
    )
    Server(config, resources.lifecycle, settings.drain_seconds).run()
