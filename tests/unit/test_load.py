"""The load generator: it asks on time, counts what it waited, and sends nothing twice."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from bench.load import Load, Request

Answer = Callable[[int], bytes | None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers the request of each number as it is told, or hangs up; counts what it gets."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.requests, self.connections, self.pause = answer, 0, 0, 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                answer = self.answer(self.requests)
                self.requests += 1
                await asyncio.sleep(self.pause)
                if answer is None:
                    break
                writer.write(answer)
        except EOFError:
            pass
        writer.close()


@asynccontextmanager
async def serving(answer: Answer) -> AsyncGenerator[tuple[Server, str]]:
    server = Server(answer)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        yield server, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def loaded(url: str, rate: float, seconds: float) -> Load:
    load = Load(url, rate, lambda number: Request("GET", f"/{number}"))
    asyncio.get_running_loop().call_later(seconds, load.end)
    await load.run()
    return load


async def test_a_slow_server_is_asked_on_time_all_the_same():
    async with serving(lambda _: OK) as (server, url):
        server.pause = 0.4
        load = await loaded(url, 50, 0.4)
    assert not load.report.failures
    assert 15 <= server.requests <= 21, "as many as were due, although none was answered"
    assert load.report.percentile(50) >= 0.4


async def test_connections_are_used_again():
    async with serving(lambda _: OK) as (server, url):
        load = await loaded(url, 50, 0.5)
    assert len(load.report.answers) == server.requests > 15
    assert server.connections < 5


async def test_what_gets_no_answer_or_the_wrong_one_failed_and_is_not_sent_again():
    wrong = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
    answers = {3: None, 5: wrong}
    async with serving(lambda number: answers.get(number, OK)) as (server, url):
        load = await loaded(url, 50, 0.4)
    assert sorted((failure.status, failure.error) for failure in load.report.failures) == [
        (0, "IncompleteReadError"),
        (503, ""),
    ]
    assert len(load.report.answers) == server.requests
    assert "2 failed" in str(load.report)


async def test_where_nobody_listens_every_request_failed():
    load = await loaded("http://127.0.0.1:1", 50, 0.2)
    assert {failure.error for failure in load.report.failures} == {"ConnectionRefusedError"}
    assert len(load.report.failures) == len(load.report.answers)


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:80", "https://127.0.0.1:1", "http://127.0.0.1", "http://[2001:db8::1]:80"]
)
def test_only_this_machine_is_loaded(url: str):
    with pytest.raises(ValueError, match="only a server on this machine"):
        Load(url, 1, lambda _: Request("GET", "/"))


@pytest.mark.parametrize("rate", [0, -1, 2001])
def test_the_rate_is_bounded(rate: float):
    with pytest.raises(ValueError, match="requests per second"):
        Load("http://127.0.0.1:1", rate, lambda _: Request("GET", "/"))
