"""Errors as `application/problem+json` (RFC 9457): what a route raises, and how every error is answered."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import current_request_id

logger = logging.getLogger("app.problems")

MEDIA_TYPE: Final = "application/problem+json"

_REQUEST_ID: Final = "6f1e0c5a9d3b4e7f8a2c1d0b9e8f7a6b"
_HEADER_OF: Final = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}

_MAX_FIELD_ERRORS = 20
_MAX_FIELD_NAME = 100


class FieldError(BaseModel):
    """What is wrong with one part of a request; never its value, which may be a password."""

    location: str = Field(examples=["body"])
    field: str = Field(examples=["password"])
    message: str = Field(examples=["String should have at least 12 characters"])


class ProblemDocument(BaseModel):
    """The body of every error."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str | None = Field(None, examples=["The request is not valid."])
    request_id: str | None = Field(None, examples=[_REQUEST_ID])
    errors: list[FieldError] | None = None


class Problem(HTTPException):
    """An error that a route answers with: `detail` is for the caller."""

    status = 500

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(self.status, detail, headers)


class BadRequest(Problem):
    """The request is not what it claims to be."""

    status = 400


class Unauthorized(Problem):
    """The request carries no token that is good for it."""

    status = 401

    def __init__(self, detail: str, *, token_presented: bool = True) -> None:
        challenge = 'Bearer realm="nuggetwise"' + (', error="invalid_token"' if token_presented else "")
        super().__init__(detail, {"WWW-Authenticate": challenge})


class UserGone(Unauthorized):
    """The token's user was removed, perhaps in this moment."""

    def __init__(self) -> None:
        super().__init__("The token's user does not exist any more.")


class NotFound(Problem):
    """There is no such thing, or it is not the caller's."""

    status = 404


class Conflict(Problem):
    """The request contradicts what is stored."""

    status = 409


class TooLarge(Problem):
    """The request body is larger than the API reads."""

    status = 413


class Unprocessable(Problem):
    """The request is well-formed and wrong."""

    status = 422


class TooManyRequests(Problem):
    """The caller has had their share; more in `retry_after` seconds."""

    status = 429

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, {"Retry-After": str(retry_after)})


class BadGateway(Problem):
    """Somebody else's service answered with what is no answer."""

    status = 502


class Unavailable(Problem):
    """Something that the API needs is not there; worth trying again after `retry_after` seconds."""

    status = 503

    def __init__(self, detail: str, *, retry_after: int = 2) -> None:
        super().__init__(detail, {"Retry-After": str(retry_after)})


def problem_response(
    status: int,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] | None = None,
) -> Response:
    """A problem document; the title is the status's phrase."""
    title = HTTPStatus(status).phrase
    document: dict[str, object] = {"type": "about:blank", "title": title, "status": status}
    if detail and detail != title:
        document["detail"] = detail
    document["request_id"] = current_request_id()
    if errors is not None:
        document["errors"] = errors
    return Response(
        json.dumps(document, separators=(",", ":"), ensure_ascii=False),
        status,
        headers,
        media_type=MEDIA_TYPE,
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems a route may answer with, for its OpenAPI description."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                    "example": {
                        "type": "about:blank",
                        "title": HTTPStatus(status).phrase,
                        "status": status,
                        "request_id": _REQUEST_ID,
                    },
                }
            },
            **({"headers": {_HEADER_OF[status]: {"schema": {"type": "string"}}}} if status in _HEADER_OF else {}),
        }
        for status in statuses
    }


def install_problem_handlers(app: FastAPI) -> None:
    """Answers every HTTPException and every invalid request with a problem document."""
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid_request)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        # The router names the methods of the first route with this path only.
        return problem_response(405, headers={"Allow": ", ".join(sorted(_methods_of(request)))})
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    return problem_response(error.status_code, error.detail, headers=error.headers)


def _methods_of(request: Request) -> set[str]:
    """What the path of a request may be asked with."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in matching for method in route.methods or ()}


async def _invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_field_error(item) for item in error.errors()[:_MAX_FIELD_ERRORS]]
    return problem_response(422, "The request is not valid.", errors=errors)


def _field_error(error: Mapping[str, Any]) -> dict[str, str]:
    location, *path = (str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "json_invalid":
        path = []
        message = "The body is not JSON."
    return {"location": location, "field": ".".join(path)[:_MAX_FIELD_NAME], "message": message}


class UnhandledErrors:
    """Innermost middleware: what nobody caught is logged whole and answered as a plain 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def remember_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, remember_start)
        except Exception:
            logger.exception("unhandled error")
            if started:
                # Half an answer is out: only breaking the connection tells the caller.
                raise
            await problem_response(500)(scope, receive, send)
