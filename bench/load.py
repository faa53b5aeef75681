"""Constant load for a server on this machine: each request has its time, whatever became of those before.

So a server that stops for a second is asked all the same, and what waited counts with its wait: a latency runs from the
time at which a request was due. Connections are kept alive and used again, as a browser or a proxy does, and nothing is
ever sent twice.
"""

import asyncio
import ipaddress
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

MOST_REQUESTS: Final = 200_000
MOST_PER_SECOND: Final = 2_000
LONGEST: Final = 900.0  # seconds
CONNECTIONS: Final = 256
TIMEOUT: Final = 30.0  # seconds from when a request was due


@dataclass(frozen=True)
class Request:
    """What is sent, and which statuses are an answer to it."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[str, ...] = ()
    answers: frozenset[int] = frozenset({200, 201, 204})


@dataclass(frozen=True)
class Answer:
    """What became of one request. `status` is 0 where no answer came, and `error` says why."""

    request: Request
    due: float
    """Seconds from the start of the load."""
    latency: float
    status: int
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is not what was hoped for."""
        return self.status not in self.request.answers


@dataclass
class Report:
    """All answers of one load."""

    answers: list[Answer] = field(default_factory=list[Answer])

    @property
    def failures(self) -> list[Answer]:
        """Those that nobody should have got."""
        return [answer for answer in self.answers if answer.failed]

    def percentile(self, percent: float) -> float:
        """Seconds within which so many per cent were answered."""
        latencies = sorted(answer.latency for answer in self.answers)
        return latencies[max(0, math.ceil(len(latencies) * percent / 100) - 1)]

    def __str__(self) -> str:
        if not self.answers:
            return "nothing was sent"
        shown = ", ".join(f"p{percent:g} {self.percentile(percent) * 1000:.0f} ms" for percent in (50, 99, 100))
        kinds = Counter(
            f"{answer.request.method} {answer.status or ''}{answer.error}".strip() for answer in self.failures
        )
        failed = "".join(f"; {count} x {kind}" for kind, count in kinds.most_common(5))
        return f"{len(self.answers)} requests, {len(self.failures)} failed, {shown}{failed}"


class Load:
    """`rate` requests per second of what `request` makes of their numbers, to `url`, until it is told to end."""

    def __init__(self, url: str, rate: float, request: Callable[[int], Request]) -> None:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if (
            parts.scheme != "http"
            or port is None
            or not (host == "localhost" or ipaddress.ip_address(host).is_loopback)
        ):
            raise ValueError(f"{url}: only a server on this machine is loaded, as http://127.0.0.1:<port>")
        if not 0 < rate <= MOST_PER_SECOND:
            raise ValueError(f"{rate} requests per second: from 1 to {MOST_PER_SECOND}")
        self.report = Report()
        self._host, self._port, self._rate, self._request = host, port, rate, request
        self._over = threading.Event()
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self._open = asyncio.Semaphore(CONNECTIONS)

    def end(self) -> None:
        """Sends nothing more. What is under way is still waited for."""
        self._over.set()

    async def run(self) -> None:
        """Sends until it is told to end, or has reached the most of requests or seconds."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(MOST_REQUESTS):
                due = started + number / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self._over.is_set() or due - started > LONGEST:
                    break
                tasks.create_task(self._send(self._request(number), started, due))
        for _, writer in self._idle:
            writer.close()

    async def _send(self, request: Request, started: float, due: float) -> None:
        status, error = 0, ""
        try:
            async with self._open, asyncio.timeout(due + TIMEOUT - time.monotonic()):
                status = await self._ask(request)
        except TimeoutError:
            error = f"no answer within {TIMEOUT:.0f} s"
        except (OSError, EOFError, ValueError) as problem:
            error = type(problem).__name__
        self.report.answers.append(Answer(request, due - started, time.monotonic() - due, status, error))

    async def _ask(self, request: Request) -> int:
        reader, writer = await self._connection()
        try:
            head = [
                f"{request.method} {request.path} HTTP/1.1",
                f"Host: {self._host}:{self._port}",
                *request.headers,
                *([f"Content-Length: {len(request.body)}"] if request.body else []),
            ]
            writer.write("\r\n".join([*head, "", ""]).encode() + request.body)
            status, reusable = await _answer(reader)
        except BaseException:
            writer.close()
            raise
        if reusable:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return status

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            # The one that was idle longest: all are used, and each is idle for a moment.
            reader, writer = self._idle.popleft()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Reads one answer whole. Returns its status, and whether the connection can be used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, status = head[0].split(" ")[:2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    else:
        await reader.readexactly(int(headers.get("content-length", 0)))
    return int(status), version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"


@contextmanager
def under(url: str, rate: float, request: Callable[[int], Request]) -> Generator[Load]:
    """Holds the load while the caller does something else, and waits for the last answer. Its `report` tells all."""
    load = Load(url, rate, request)
    thread = threading.Thread(target=lambda: asyncio.run(load.run()), daemon=True)
    thread.start()
    try:
        yield load
    finally:
        load.end()
        thread.join()
