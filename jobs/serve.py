"""Dev's clock: starts the jobs, and tells Prometheus how they went."""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from jobs import ledger, workspace
from jobs.backup import VERIFY
from jobs.clock import JOBS, Job, following, overdue
from jobs.restore import RESTORE
from jobs.status import Status
from migrations.log import log

PORT: Final = 9100
REFRESH_SECONDS: Final = 60.0
TICK_SECONDS: Final = 1.0
OVERDUE_AFTER: Final = timedelta(minutes=30)
END_SECONDS: Final = 50.0  # Docker waits for a minute


@dataclass
class Clock:
    """Runs one job after the other, each in a process of its own; some time after the start, once, what is overdue."""

    status: Status
    work: Path
    due: dict[str, datetime]
    catch_up: datetime | None
    beat: float = field(default_factory=time.monotonic, init=False)

    @classmethod
    def started(cls, status: Status, work: Path, now: datetime, overdue_after: timedelta = OVERDUE_AFTER) -> "Clock":
        return cls(status, work, {job.name: following(job, now) for job in JOBS}, now + overdue_after)

    def ready(self, now: datetime) -> list[Job]:
        """The jobs whose time has come, in their order; each is then due again at its next time."""
        found = [job for job in JOBS if self.due[job.name] <= now]
        if self.catch_up and self.catch_up <= now:
            self.catch_up = None
            found += [job for job in JOBS if job not in found and overdue(job, self.status.last(job.name), now)]
        for job in found:
            self.due[job.name] = following(job, now)
        return found

    def run(self) -> None:
        """Until the process is told to end."""
        while True:
            self.beat = time.monotonic()
            for job in self.ready(datetime.now(UTC)):
                self._run(job)
                self.status.refresh()
            time.sleep(TICK_SECONDS)

    def _run(self, job: Job) -> None:
        log(f"{job.name} …")
        process = subprocess.Popen([sys.executable, "-m", "jobs", job.name])
        try:
            while process.poll() is None:
                self.beat = time.monotonic()
                time.sleep(TICK_SECONDS)
        finally:
            _end(process)
        if process.returncode < 0:
            # It could not say so itself.
            ledger.record(self.work, job.name, time.time(), well=False)
        log(f"{job.name} … exit code {process.returncode}")


def serve(status: Status, work: Path, port: int) -> None:
    """Runs for ever. Raises OSError when the port is taken."""
    workspace.clean(work, (VERIFY, RESTORE))
    clock = Clock.started(status, work, datetime.now(UTC))
    server = ThreadingHTTPServer(("", port), _handler(status, clock))
    server.daemon_threads = True
    status.refresh()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=_refreshing, args=(status,), daemon=True).start()
    for job in JOBS:
        log(f"{job.name}: next at {clock.due[job.name]:%Y-%m-%d %H:%M} UTC")
    clock.run()


def _refreshing(status: Status) -> None:
    while True:
        time.sleep(REFRESH_SECONDS)
        status.refresh()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _handler(status: Status, clock: Clock) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                alive = time.monotonic() - clock.beat < 10 * TICK_SECONDS
                self._answer(HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE, "ok" if alive else "stuck")
            elif self.path == "/metrics":
                self._answer(HTTPStatus.OK, status.exposition())
            else:
                self._answer(HTTPStatus.NOT_FOUND, "there are /healthz and /metrics")

        def _answer(self, code: HTTPStatus, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """No line for each probe."""

    return Handler
