"""`python -m tests.fakes --port 8000`: both fakes in one process, Stripe's under /stripe and v0's under /v0."""

import argparse

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.fakes import stripe, v0


class Labelled:
    """Says of every answer that it is a fake's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"x-fake", b"true")]}
            await send(message)

        await self._app(scope, receive, send_labelled)


async def what_this_is(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("Fakes of Stripe (/stripe) and v0 (/v0), for tests and dev stacks: nothing is real.\n")


def create_app() -> ASGIApp:
    """Both fakes; each reads what it needs from the environment."""
    return Labelled(
        Starlette(
            routes=[
                Route("/", what_this_is),
                Mount("/stripe", stripe.create_app()),
                Mount("/v0", v0.create_app()),
            ]
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    # In a container of its own, which is published on loopback only.
    uvicorn.run(create_app(), host="0.0.0.0", port=parser.parse_args().port, log_level="warning")  # noqa: S104


if __name__ == "__main__":
    main()
