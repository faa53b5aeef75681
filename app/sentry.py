"""Errors and traces to Sentry, when it is configured: what, where and how long, never who or with which data."""

from typing import TYPE_CHECKING, Any, Final, cast

from app.logs import Redactor, current_request_id
from app.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Breadcrumb, Event, Hint

_FLUSH_WITHIN: Final = 2.0  # seconds at the end of the process
_NOT_TRACED: Final = ("/api/health", "/api/metrics")
# Never sent, whatever an integration puts there: who asked, with which headers, query and body.
_DROPPED: Final = ("user", "request", "modules", "_meta")


def start_sentry(settings: Settings) -> None:
    """Begins to report; to be called before the routes are imported, since the SDK wraps them as they are made.

    Without a DSN nothing is imported or wrapped, and no request pays for it.
    """
    if settings.sentry_dsn is None:
        return
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.fastapi import FastApiIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration
    from sentry_sdk.integrations.starlette import StarletteIntegration

    rate = settings.sentry_traces_sample_rate
    scrubber = _Scrubber(Redactor(settings.secret_values))

    def sample(context: dict[str, Any]) -> float:
        # The caller's own wish (`sentry-trace`) is not asked: it could make us send everything, or nothing.
        path = str(context.get("asgi_scope", {}).get("path", ""))
        return 0.0 if path.startswith(_NOT_TRACED) else rate

    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        environment=settings.environment,
        release=settings.app_version,
        traces_sampler=sample if rate else None,
        # Named one by one: the SDK enables whatever it finds installed, and each of those sends data of its own.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            # What is logged as an error is an event: also what `UnhandledErrors` caught.
            LoggingIntegration(),
            StarletteIntegration(failed_request_status_codes=set()),
            FastApiIntegration(failed_request_status_codes=set()),
            DedupeIntegration(),
            AtexitIntegration(callback=_say_nothing),
        ],
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        # Stripe and v0 have no use for our trace ids.
        trace_propagation_targets=[],
        auto_session_tracking=False,
        shutdown_timeout=_FLUSH_WITHIN,
        before_send=scrubber.event,
        before_send_transaction=scrubber.event,
        before_breadcrumb=scrubber.breadcrumb,
    )


def _say_nothing(_pending: int, _timeout: float) -> None:
    """In place of the SDK's lines on stderr, which are no JSON."""


class _Scrubber:
    """The last hands that an event goes through: an error in here drops it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def event(self, event: "Event", _hint: "Hint") -> "Event":
        """An error or a transaction without what is nobody's business."""
        content = {key: value for key, value in cast(dict[str, Any], event).items() if key not in _DROPPED}
        if content.get("transaction_info", {}).get("source") == "url":
            # No route matched: the path is the caller's text.
            content["transaction"] = "unmatched"
        trace = content.get("contexts", {}).get("trace", {})
        # The URL with its query, and the caller's own `baggage`.
        for key in ("data", "dynamic_sampling_context"):
            trace.pop(key, None)
        scrubbed = cast(dict[str, Any], self._redactor.value(content))
        if request_id := current_request_id():
            scrubbed["tags"] = {**scrubbed.get("tags", {}), "request_id": request_id}
        return cast("Event", scrubbed)

    def breadcrumb(self, crumb: "Breadcrumb", _hint: "Hint") -> "Breadcrumb":
        """A log line on the way to an error."""
        return cast("Breadcrumb", self._redactor.value(crumb))
