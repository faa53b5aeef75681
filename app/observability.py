"""Outermost middleware: request id, client address, security headers, metrics and one log line per request."""

import logging
import re
import time
from random import getrandbits
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.client_address import ClientAddress
from app.lifecycle import Lifecycle
from app.logs import set_request_id
from app.metrics.registry import Metrics

logger = logging.getLogger("app.requests")

CSP: Final = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data: https:"

# helmet's set.
_SECURITY_HEADERS: Final = (
    (b"content-security-policy", CSP.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"origin-agent-cluster", b"?1"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"),
    (b"x-download-options", b"noopen"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-permitted-cross-domain-policies", b"none"),
    (b"x-xss-protection", b"0"),
    # Ours: nothing that this API answers is for a shared cache.
    (b"cache-control", b"no-store"),
)
_OVERRIDABLE: Final = frozenset({b"content-security-policy", b"cache-control"})

_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,127}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET: Final = ("/api/health", "/api/metrics")

UNMATCHED: Final = "unmatched"


class Observability:
    """Everything that each request gets, in one layer: at thousands of requests per second a layer costs."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, clients: ClientAddress, lifecycle: Lifecycle) -> None:
        self._app = app
        self._metrics = metrics
        self._clients = clients
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        offered_id = None
        forwarded_for = ""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                offered_id = value
            elif name == b"x-forwarded-for":
                hops = value.decode("latin-1")
                forwarded_for = f"{forwarded_for},{hops}" if forwarded_for else hops
        request_id = (
            offered_id.decode("ascii")
            if offered_id and _REQUEST_ID.fullmatch(offered_id)
            else f"{getrandbits(128):032x}"
        )
        set_request_id(request_id)
        peer = scope.get("client")
        client = self._clients.of(peer[0] if peer else None, forwarded_for)
        scope["client_address"] = client
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = message.get("headers", ())
                headers = [*own, *_SECURITY_HEADERS, (b"x-request-id", request_id.encode())]
                if overridden := _OVERRIDABLE.intersection(name for name, _ in own):
                    headers = [*own, *(pair for pair in headers[len(own) :] if pair[0] not in overridden)]
                if self._lifecycle.draining:
                    # So that proxies do not send the next request down a connection that is about to close.
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._record(scope, status, time.perf_counter() - started, client)

    def _record(self, scope: Scope, status: int, seconds: float, client: str) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        # Never the path: it has no bound, and it is the caller's text.
        template = getattr(scope.get("route"), "path", UNMATCHED)
        self._metrics.observe_request(method, template, status, seconds)
        level = logging.DEBUG if template.startswith(_QUIET) else logging.INFO
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "%s %s %d",
                method,
                template,
                status,
                extra={
                    "method": method,
                    "route": template,
                    "status": status,
                    "duration_ms": round(seconds * 1000, 2),
                    "client": client,
                },
            )
