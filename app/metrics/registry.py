"""The metrics of one process, in their own registry."""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class Metrics:
    """Counts and times; one instance per application, so that two never mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._request_duration = Histogram(
            "http_request_duration_seconds",
            "Time to answer an HTTP request, by the route's template",
            ("method", "route", "status_code"),
            registry=self._registry,
        )
        self.component_generations = Counter(
            "component_generations", "UI components generated through the v0 API", registry=self._registry
        )
        # labels() takes a lock and builds a tuple of strings each time.
        self._by_labels: dict[tuple[str, str, int], Histogram] = {}

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Records one answered request."""
        key = (method, route, status)
        histogram = self._by_labels.get(key)
        if histogram is None:
            histogram = self._by_labels[key] = self._request_duration.labels(method, route, str(status))
        histogram.observe(seconds)

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)
