"""A fake of v0's Model API (`POST /v1/chat/completions`), which can be told to be slow, to fail and to lie.

`POST /_control` with a Behaviour as JSON changes what follows, an empty object makes it good again; `GET /_control`
tells what was asked. Keys that it takes: V0_API_KEY of its environment, and whatever begins like a key of v0's, `v1:`.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

_HUGE = 8  # MiB

_COMPONENT = """\
Here is your component.

```tsx file="component.tsx"
export default function Component() {
  return <section title={%r}>A component of the fake v0</section>
}
```

Tell me what to change."""


class Behaviour(BaseModel):
    """How it answers: after so many seconds; with an error of this status instead; or with nonsense."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = 0.0
    status: int = 200
    retry_after: int | None = None
    lie: Literal["text", "empty", "no choices", "surrogate", "huge", "hang up"] | None = None


class Fake:
    """What it was told and asked since it started."""

    def __init__(self, api_key: str | None) -> None:
        self._api_key = api_key
        self._behaviour = Behaviour()
        self._asked: list[dict[str, Any]] = []

    async def control(self, request: Request) -> Response:
        """Changes the behaviour and forgets what was asked; or tells it."""
        if request.method == "POST":
            try:
                self._behaviour = Behaviour.model_validate_json(await request.body())
            except ValidationError as error:
                return Response(error.json(), 422, media_type="application/json")
            self._asked.clear()
        return JSONResponse({"behaviour": self._behaviour.model_dump(), "asked": self._asked})

    async def root(self, _request: Request) -> Response:
        """What a look at the base URL finds: nothing to see, but somebody is there."""
        return error(404, "Nothing here.") if self._behaviour.status < 500 else error(self._behaviour.status, "Down.")

    async def complete(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        told = self._behaviour.model_copy()
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        question = await request.json()
        self._asked.append(
            {
                "key": "configured" if self._api_key and key == self._api_key else "other",
                "model": question["model"],
                "prompt": question["messages"][-1]["content"],
            }
        )
        await asyncio.sleep(told.seconds)
        if told.status != 200:
            return error(told.status, "Told to fail.", told.retry_after)
        if key != self._api_key and not key.startswith("v1:"):
            return error(401, "The API key is not valid.")
        return lie(told.lie) if told.lie else completion(question)


def completion(question: dict[str, Any]) -> Response:
    prompt: str = question["messages"][-1]["content"]
    message = {"role": "assistant", "content": _COMPONENT % prompt[:200]}
    return JSONResponse(
        {
            "id": f"v0-{uuid4()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": question["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
    )


def error(status: int, message: str, retry_after: int | None = None) -> Response:
    """As v0 words its errors."""
    kind = {401: "unauthorized_error", 402: "payment_required_error", 429: "too_many_requests_error"}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = {"error": {"message": message, "type": kind.get(status, "internal_server_error")}}
    return JSONResponse(body, status, headers)


def lie(kind: str) -> Response:
    match kind:
        case "text":
            return Response("<html>Bad day</html>", media_type="text/html")
        case "no choices":
            return JSONResponse({"model": "v0-1.5-md", "choices": []})
        case "surrogate":
            body = r'{"model": "m", "choices": [{"message": {"content": "\ud800"}}]}'
            return Response(body, media_type="application/json")
        case "huge":
            return StreamingResponse(megabytes(_HUGE), media_type="application/json")
        case "hang up":
            return StreamingResponse(broken(), media_type="application/json", headers={"Content-Length": "100"})
        case _:
            return Response("", media_type="application/json")


async def megabytes(count: int) -> AsyncGenerator[bytes]:
    for _ in range(count):
        yield b" " * (1 << 20)


async def broken() -> AsyncGenerator[bytes]:
    """Half an answer: the server then has to break the connection."""
    yield b'{"model": '
    raise ConnectionResetError("told to hang up")


def create_app(api_key: str | None = None) -> Starlette:
    """The fake, which takes this key, or else that of the environment."""
    fake = Fake(api_key or os.environ.get("V0_API_KEY"))
    return Starlette(
        routes=[
            Route("/", fake.root),
            Route("/_control", fake.control, methods=["GET", "POST"]),
            Route("/v1/chat/completions", fake.complete, methods=["POST"]),
        ]
    )
