"""The client of v0, against the fake: what it sends, what it makes of answers, and what it survives."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
import uvicorn

from app.breaker import Open
from app.components import v0
from app.components.v0 import V0
from tests.fakes.v0 import Behaviour, create_app

KEY = "v1:configured"


class Server:
    """The fake without a network, and a client of it."""

    def __init__(self) -> None:
        transport = httpx.ASGITransport(create_app(KEY))
        self.v0 = V0("http://v0.test", "v0-1.5-md", transport)
        self._control = httpx.AsyncClient(transport=transport, base_url="http://v0.test")

    async def tell(self, **behaviour: object) -> None:
        answer = await self._control.post("/_control", json=behaviour)
        assert answer.status_code == 200, answer.text

    async def asked(self) -> list[dict[str, str]]:
        return (await self._control.get("/_control")).json()["asked"]


@pytest.fixture
def server() -> Server:
    return Server()


def answering(content: str) -> V0:
    """A client of somebody who always says this."""

    def answer(_request: httpx.Request) -> httpx.Response:
        body = json.dumps({"model": "m", "choices": [{"message": {"content": content}}]})
        return httpx.Response(200, stream=httpx.ByteStream(body.encode()))

    return V0("http://v0.test", "m", httpx.MockTransport(answer))


async def test_a_component_is_the_code_without_the_talk(server: Server):
    component = await server.v0.generate("A button", KEY)
    assert component.code.startswith("export default function Component()")
    assert component.code.endswith("}")
    assert "A button" in component.code
    assert component.model == "v0-1.5-md"
    assert await server.asked() == [{"key": "configured", "model": "v0-1.5-md", "prompt": "A button"}]


async def test_a_callers_own_key_is_what_is_sent(server: Server):
    await server.v0.generate("A button", "v1:mine")
    assert [question["key"] for question in await server.asked()] == ["other"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("just code", "just code"),
        ("```\na\n```", "a"),
        ("talk\n```tsx file=a\na\n```\ntalk\n```css\nb\n```\n", "a\n\nb"),
        ("```tsx\nnever closed", "```tsx\nnever closed"),
    ],
)
async def test_code_is_found_in_what_v0_writes(content: str, code: str):
    assert (await answering(content).generate("x", KEY)).code == code


@pytest.mark.parametrize("content", ["", " \n", "Sorry.\n```tsx\n\n```"])
async def test_no_code_is_no_component(content: str):
    with pytest.raises(v0.Nonsense):
        await answering(content).generate("x", KEY)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, v0.PromptRefused),
        (401, v0.KeyRefused),
        (402, v0.KeyRefused),
        (403, v0.KeyRefused),
        (404, v0.Failed),
        (422, v0.PromptRefused),
        (429, v0.Limited),
        (500, v0.Failed),
        (503, v0.Failed),
        (302, v0.Failed),
    ],
)
async def test_a_refusal_is_told_from_a_failure_and_only_failures_open_the_breaker(
    server: Server, status: int, error: type[Exception]
):
    await server.tell(status=status)
    for _ in range(5):
        with pytest.raises(error):
            await server.v0.generate("x", KEY)
    expected = Open if error is v0.Failed else error
    with pytest.raises(expected):
        await server.v0.generate("x", KEY)
    assert len(await server.asked()) == (5 if error is v0.Failed else 6)


@pytest.mark.parametrize(("said", "waited"), [(None, 30), (7, 7), (0, 1), (10**8, 3600)])
async def test_a_limit_says_how_long(server: Server, said: int | None, waited: int):
    await server.tell(status=429, retry_after=said)
    with pytest.raises(v0.Limited) as caught:
        await server.v0.generate("x", KEY)
    assert caught.value.retry_after == waited


@pytest.mark.parametrize("said", ["9" * 5000, "-1", "soon", "\uff11", ""])
async def test_a_limit_that_makes_no_sense_is_half_a_minute(said: str):
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers=[(b"Retry-After", said.encode())], stream=httpx.ByteStream(b""))

    with pytest.raises(v0.Limited) as caught:
        await V0("http://v0.test", "m", httpx.MockTransport(answer)).generate("x", KEY)
    assert caught.value.retry_after == 30


async def test_nothing_of_one_caller_goes_along_with_the_next():
    def answer(request: httpx.Request) -> httpx.Response:
        assert "cookie" not in request.headers
        body = b'{"model": "m", "choices": [{"message": {"content": "code"}}]}'
        return httpx.Response(200, headers={"Set-Cookie": "session=alice; Path=/"}, stream=httpx.ByteStream(body))

    client = V0("http://v0.test", "m", httpx.MockTransport(answer))
    for key in ("v1:alice", "v1:bob"):
        await client.generate("x", key)


@pytest.mark.parametrize("lie", ["text", "empty", "no choices", "surrogate", "huge"])
async def test_nonsense_is_a_failure_of_v0s(server: Server, lie: str):
    await server.tell(lie=lie)
    for _ in range(5):
        with pytest.raises(v0.Nonsense):
            await server.v0.generate("x", KEY)
    with pytest.raises(Open):
        await server.v0.generate("x", KEY)


async def test_a_slow_v0_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(v0, "_TIMEOUT", 0.1)
    await server.tell(seconds=30)
    with pytest.raises(v0.Failed):
        await asyncio.wait_for(server.v0.generate("x", KEY), 5)


async def test_no_more_calls_than_connections_and_the_rest_is_told_at_once(server: Server):
    await server.tell(seconds=0.5)
    many = [asyncio.create_task(server.v0.generate("x", KEY)) for _ in range(32)]
    await asyncio.sleep(0.1)
    with pytest.raises(v0.Busy):
        await server.v0.generate("x", KEY)
    assert len(await asyncio.gather(*many)) == 32
    await server.v0.generate("x", KEY)


@pytest.mark.parametrize("key", ["", "clé", "two words", "line\nfeed", "trailing ", "\x7f"])
async def test_a_key_that_fits_no_header_is_refused_unsent_and_unlogged(
    server: Server, key: str, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.DEBUG), pytest.raises(v0.KeyRefused) as caught:
        await server.v0.generate("x", key)
    assert await server.asked() == []
    assert not key or key not in caplog.text + str(caught.value)


class Uvicorn(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        pass


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The fake behind a real socket."""
    running = Uvicorn(uvicorn.Config(create_app(KEY), port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(running.serve())
    while not running.started:  # noqa: ASYNC110 (a flag of uvicorn)
        await asyncio.sleep(0.01)
    yield running.servers[0].sockets[0].getsockname()[1]
    running.should_exit = True
    await serving


@pytest.mark.parametrize(("refusals", "answered"), [(1, True), (2, False)])
async def test_a_connection_that_cannot_be_made_is_tried_once_more(
    port: int, refusals: int, answered: bool, monkeypatch: pytest.MonkeyPatch
):
    connect, attempts = anyio.connect_tcp, 0

    async def refuse_at_first(*arguments: object, **named: object) -> object:
        nonlocal attempts
        attempts += 1
        if attempts <= refusals:
            raise OSError("refused")
        return await connect(*arguments, **named)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType]

    monkeypatch.setattr(anyio, "connect_tcp", refuse_at_first)
    client = V0(f"http://127.0.0.1:{port}", "m")
    try:
        if answered:
            assert (await client.generate("x", KEY)).model == "m"
        else:
            with pytest.raises(v0.Failed):
                await client.generate("x", KEY)
        assert attempts == 2
    finally:
        await client.close()


async def test_what_was_sent_is_never_sent_again(port: int):
    client = V0(f"http://127.0.0.1:{port}", "m")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as control:
        try:
            await control.post("/_control", json={"lie": "hang up"})
            with pytest.raises(v0.Failed):
                await client.generate("x", KEY)
            assert len((await control.get("/_control")).json()["asked"]) == 1
        finally:
            await client.close()


def test_the_fake_refuses_to_be_told_what_it_does_not_know():
    assert Behaviour().status == 200
    with pytest.raises(ValueError, match="extra"):
        Behaviour.model_validate({"slow": True})
