"""What every request passes before its route: who calls, and whether this client called too often.

Both are asked of Redis in one round trip. Limits count by address alone: a token says nothing before it is verified,
and afterwards it would give whoever has many accounts many limits.
"""

from math import ceil
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth import revocations
from app.auth.caller import presented
from app.cache import Cache, CacheUnavailable
from app.problems import Unauthorized, problem_response
from app.rate_limit import WINDOW, Count, LocalCounters, Policies, Policy
from app.tokens import Principal, Tokens

_TOO_MANY: Final = f"Too many requests from this address within {WINDOW // 60} minutes."


class Gate:
    """Answers 429, or hands the request on with `caller` in its scope (app/auth/caller.py)."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, cache: Cache, policies: Policies) -> None:
        self._app = app
        self._tokens = tokens
        self._cache = cache
        self._policies = policies
        self._local = LocalCounters()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        policy = self._policies.of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if policy is None or not policy.limits:
            await self._app(scope, receive, send)
            return
        caller = presented(scope["headers"], self._tokens)
        counts, revoked = await self._ask(policy, scope["client_address"], caller)
        headers = policy.headers(counts)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        if retry_after := policy.retry_after(counts):
            refusal = problem_response(429, _TOO_MANY, headers={"Retry-After": str(retry_after)})
            await refusal(scope, receive, send_with_limits)
            return
        scope["caller"] = Unauthorized("The token was revoked.") if revoked else caller
        await self._app(scope, receive, send_with_limits)

    async def _ask(self, policy: Policy, client: str, caller: Principal | Unauthorized) -> tuple[list[Count], bool]:
        keys = policy.keys(client)
        revocation = revocations.key(caller) if isinstance(caller, Principal) else revocations.NO_KEY
        try:
            revoked, counters = await self._cache.check_and_count(revocation, keys, seconds=WINDOW)
        except CacheUnavailable:
            # Whether the token was revoked, PostgreSQL is asked anyway.
            return self._local.count(keys), False
        return [Count(requests, ceil(left / 1000)) for requests, left in counters], revoked
