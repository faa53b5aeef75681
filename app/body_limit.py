"""Bounds the request body, whether its length was declared or not."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import TooLarge, problem_response

MAX_BODY: Final = 1024 * 1024  # bytes
_DETAIL = "The body may have at most 1 MiB."


class BodyLimit:
    """Answers 413 before reading a body that is declared too large, or while reading one that turns out to be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        if declared is not None:
            # The server ends the body at the declared length, so the declaration can be trusted.
            if not declared.isdigit() or int(declared) > MAX_BODY:
                response = problem_response(413, _DETAIL, headers={"Connection": "close"})
                await response(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        read = 0

        async def count() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > MAX_BODY:
                    raise TooLarge(_DETAIL, {"Connection": "close"})
            return message

        await self._app(scope, count, send)
