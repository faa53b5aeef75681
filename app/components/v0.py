"""A client of v0's Model API, which speaks OpenAI's chat completions.

A call ends within its time, whatever v0 does; a v0 that fails again and again is left alone for a while.
"""

import asyncio
import logging
import re
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Annotated, Final

import httpx
from pydantic import BaseModel, Field, ValidationError

from app.breaker import Breaker

logger = logging.getLogger("app.components.v0")

# With the database's time before and after it, below the 60 s that nginx and other load balancers wait for an answer.
_TIMEOUT: Final = 45.0  # seconds, from the first attempt to connect to the last byte
_CONNECT_TIMEOUT: Final = 5.0  # seconds
_AT_A_TIME: Final = 32
_MAX_ANSWER: Final = 2 * 1024 * 1024  # bytes
_RETRY_AFTER: Final = 30  # seconds, when v0 does not say
_MAX_RETRY_AFTER: Final = 3600  # seconds

_SYSTEM: Final = (
    "You write one self-contained React component in TypeScript for what the user describes. "
    "Answer with its code in a single fenced block."
)
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_FENCED: Final = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


class KeyRefused(Exception):
    """v0 does not take the key, or its account has no credit."""


class PromptRefused(Exception):
    """v0 does not want to answer this prompt."""


class Limited(Exception):
    """v0 has had enough of this key for `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"for {retry_after} s")
        self.retry_after = retry_after


class Busy(Exception):
    """This process has as many calls under way as it may."""


class Failed(Exception):
    """v0 does not answer, not in time, with a server error, or with what is no completion."""


class Nonsense(Failed):
    """v0 answered in time that all was well, but not with a completion, or with one that is too large."""


@dataclass(frozen=True, slots=True)
class Component:
    """What v0 wrote, and by which model."""

    code: str
    model: str


class _Message(BaseModel):
    content: Annotated[str, Field(min_length=1)]


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    model: Annotated[str, Field(min_length=1, max_length=100)]
    choices: Annotated[list[_Choice], Field(min_length=1)]


class V0:
    """Asks v0 for components through a bounded pool of connections; `breaker` tells whether it is worth asking."""

    def __init__(self, url: str, model: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`transport` takes the place of the network."""
        self.breaker = Breaker(Failed)
        self._model = model
        self._slots = asyncio.Semaphore(_AT_A_TIME)
        limits = httpx.Limits(max_connections=_AT_A_TIME, max_keepalive_connections=_AT_A_TIME)
        self._http = httpx.AsyncClient(
            base_url=url,
            # The transport tries again only what could not connect: a request that was sent may have been paid for.
            transport=transport or httpx.AsyncHTTPTransport(retries=1, limits=limits),
            timeout=httpx.Timeout(_TIMEOUT, connect=_CONNECT_TIMEOUT),
            # Decompressed, an answer could be a thousand times what was read.
            headers={"Accept-Encoding": "identity"},
            # One caller's cookies are not to be sent with the next one's key.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def generate(self, prompt: str, key: str) -> Component:
        """One component.

        Raises KeyRefused, PromptRefused, Limited, Busy, Failed, and the breaker's Open.
        """
        if not (key and key.isascii() and key.isprintable() and " " not in key):
            raise KeyRefused("it could not even be sent")
        if self._slots.locked():
            raise Busy
        async with self._slots:
            with self.breaker.watch():
                status, retry_after, body = await self._ask_in_time(prompt, key)
                if status != 200:
                    raise _refusal(status, retry_after)
                return _component(body)

    async def close(self) -> None:
        """Closes every connection."""
        await self._http.aclose()

    async def _ask_in_time(self, prompt: str, key: str) -> tuple[int, str | None, bytes]:
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._ask(prompt, key)
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            logger.warning("v0 does not answer", extra={"error": f"{type(error).__name__}: {error}"})
            raise Failed(type(error).__name__) from None

    async def _ask(self, prompt: str, key: str) -> tuple[int, str | None, bytes]:
        messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": prompt}]
        async with self._http.stream(
            "POST",
            "/v1/chat/completions",
            json={"model": self._model, "messages": messages, "stream": False},
            headers={"Authorization": f"Bearer {key}"},
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MAX_ANSWER:
                    logger.warning("v0 answers without end", extra={"status": response.status_code})
                    raise Nonsense("too large")
            return response.status_code, response.headers.get("retry-after"), bytes(body)


def _refusal(status: int, retry_after: str | None) -> Exception:
    if status in (400, 413, 422):
        return PromptRefused()
    if status in (401, 402, 403):
        return KeyRefused(str(status))
    if status == 429:
        said = int(retry_after) if retry_after and _SECONDS.fullmatch(retry_after) else _RETRY_AFTER
        return Limited(max(1, min(said, _MAX_RETRY_AFTER)))
    logger.warning("v0 fails", extra={"status": status})
    return Failed(str(status))


def _component(body: bytes) -> Component:
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError as error:
        logger.warning("v0 answers nonsense", extra={"error": error.errors(include_input=False, include_url=False)[0]})
        raise Nonsense("no completion") from None
    content = completion.choices[0].message.content
    # What stands around the code is talk.
    blocks: list[str] = _FENCED.findall(content)
    code = ("\n".join(blocks) if blocks else content).strip()
    if not code:
        logger.warning("v0 answers without code")
        raise Nonsense("no code")
    return Component(code=code, model=completion.model)
