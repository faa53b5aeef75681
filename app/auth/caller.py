"""`Caller`: the parameter of every route that needs a token."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app.auth import revocations
from app.problems import Unauthorized
from app.resources import Resources
from app.tokens import InvalidToken, Principal


class _Authenticated(HTTPBearer):
    """One dependency does it all: each one more costs time on every request."""

    def __init__(self) -> None:
        super().__init__(bearerFormat="JWT", scheme_name="token", auto_error=False)

    async def __call__(self, request: Request) -> Principal:  # pyright: ignore[reportIncompatibleMethodOverride]
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized("This needs a token: Authorization: Bearer <token>", token_presented=False)
        resources: Resources = request.app.state.resources
        try:
            principal = resources.tokens.verify(token.strip())
        except InvalidToken as error:
            raise Unauthorized(str(error)) from None
        if await revocations.known_to_cache(resources.cache, principal):
            raise Unauthorized("The token was revoked.")
        return principal


Caller = Annotated[Principal, Depends(_Authenticated())]
"""Who calls, by a token that is genuine, unexpired and not known to be revoked.

Only PostgreSQL knows of every revocation, and of users that are gone: `Database.as_user` and `read_as_user` ask it in
the transaction that does the work, so a route that answers a caller without either would have to ask by itself.
"""
