"""`Caller`: the parameter of every route that needs a token."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app.problems import Unauthorized
from app.tokens import InvalidToken, Principal, Tokens


def presented(headers: Iterable[tuple[bytes, bytes]], tokens: Tokens) -> Principal | Unauthorized:
    """Who a request's token speaks for, as far as the token itself tells; else what a route that needs one answers."""
    value = next((value for name, value in headers if name == b"authorization"), b"")
    scheme, _, token = value.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Unauthorized("This needs a token: Authorization: Bearer <token>", token_presented=False)
    try:
        return tokens.verify(token.strip())
    except InvalidToken as error:
        return Unauthorized(str(error))


class _Authenticated(HTTPBearer):
    """One dependency does it all: each one more costs time on every request."""

    def __init__(self) -> None:
        super().__init__(bearerFormat="JWT", scheme_name="token", auto_error=False)

    async def __call__(self, request: Request) -> Principal:  # pyright: ignore[reportIncompatibleMethodOverride]
        # From app/gate.py, which every route with a caller lies behind.
        caller: Principal | Unauthorized = request.scope["caller"]
        if isinstance(caller, Unauthorized):
            raise caller
        return caller


Caller = Annotated[Principal, Depends(_Authenticated())]
"""Who calls, by a token that is genuine, unexpired and not known to be revoked.

Only PostgreSQL knows of every revocation, and of users that are gone: `Database.as_user` and `read_as_user` ask it in
the transaction that does the work, so a route that answers a caller without either would have to ask by itself.
"""
