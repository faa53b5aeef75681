"""Serving with uvicorn, and ending without losing a request."""

import asyncio
import signal
import socket
import sys
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from app.lifecycle import Lifecycle
from app.resources import Resources
from app.settings import Settings

_END_WITHIN: Final = 30.0  # seconds from SIGTERM to the end, after which platforms kill
_CLOSE_WITHIN: Final = 5.0  # seconds of them for closing pools and for Sentry's last events
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
        timeout_graceful_shutdown=finish_within(settings.drain_seconds),
    )
    # uvicorn raises the signal once more when it is done, which would end the process as if it had been killed: no exit
    # code 0, and nothing that is left for the end (Sentry's last events) would happen.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    Server(config, resources.lifecycle, settings.drain_seconds).run()


def finish_within(drain_seconds: float) -> int:
    """How many seconds requests in flight have after the drain."""
    return int(_END_WITHIN - _CLOSE_WITHIN - drain_seconds)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
