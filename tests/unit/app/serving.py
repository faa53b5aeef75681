"""The API as a process of its own, with routes that misbehave, and the test's side of it.

Run as a program it serves; imported it is how tests start it. Neither database nor cache is reached.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Process:
    """A running API."""

    port: int
    popen: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self, within: float) -> list[dict[str, Any]]:
        """Sends SIGTERM and returns the log, once the process ended by itself with exit code 0."""
        self.popen.send_signal(signal.SIGTERM)
        out, _ = self.popen.communicate(timeout=within)
        assert self.popen.returncode == 0, out
        return [json.loads(line) for line in out.splitlines()]


@contextmanager
def serving(variables: Mapping[str, str]) -> Generator[Process]:
    """A process that answers; killed if the test leaves it running."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    popen = subprocess.Popen(
        [sys.executable, __file__],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": str(port), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        process = Process(port, popen)
        _wait_until_it_answers(process)
        yield process
    finally:
        popen.kill()
        popen.wait()


def _wait_until_it_answers(process: Process) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.popen.poll() is None:
        try:
            if httpx.get(f"{process.url}/api/health/live").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    process.popen.kill()
    raise AssertionError(process.popen.communicate()[0])


def main() -> None:
    import asyncio
    import logging

    from app.logs import configure_logs
    from app.sentry import start_sentry
    from app.settings import load_settings

    settings = load_settings()
    configure_logs(settings)
    start_sentry(settings)

    from fastapi import Request

    from app.main import create_app
    from app.server import serve

    app = create_app(settings)

    async def slow(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    async def broken(request: Request, text: str) -> None:
        body = (await request.body()).decode()
        note = f"{text} {body}"
        logging.getLogger("broken").warning("about to fail with %s", note, extra={"note": note, "password": note})
        try:
            raise ValueError(f"{note}\nDETAIL:  Failing row contains ({body},\n{body})")
        except ValueError as cause:
            raise RuntimeError(f"{note} {settings.database_url.get_secret_value()}") from cause

    app.add_api_route("/slow/{seconds}", slow)
    app.add_api_route("/broken/{text}", broken, methods=["POST"])
    serve(app, settings)


if __name__ == "__main__":
    main()
