"""The metrics of one process, in their own registry."""

from collections.abc import Iterator
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
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.cache import Cache
from app.database import Database
from app.lifecycle import STATES, Lifecycle

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

    def watch(self, database: Database, cache: Cache, lifecycle: Lifecycle) -> None:
        """Shows the state of these at each scrape; between scrapes it costs nothing."""
        self._registry.register(_ProcessState(database, cache, lifecycle))

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)


class _ProcessState(Collector):
    """What the process knows of itself and of its connections, read when somebody scrapes."""

    def __init__(self, database: Database, cache: Cache, lifecycle: Lifecycle) -> None:
        self._database = database
        self._cache = cache
        self._lifecycle = lifecycle

    def describe(self) -> list[Metric]:
        """Nothing: names need no checking, and asking would read the pool before it is open."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The state now."""
        pool = self._database.pool_state()
        for name, text, value in (
            ("connections", "Connections that the pool holds", pool.size),
            ("idle_connections", "Connections that nobody uses", pool.idle),
            ("max_connections", "Connections that the pool may hold", pool.maximum),
            ("waiting_requests", "Requests in the queue for a connection", pool.waiting),
        ):
            yield GaugeMetricFamily(f"database_pool_{name}", text, value)
        for name, text, value in (
            ("request_errors", "Requests that got no connection: too late, or the queue was full", pool.request_errors),
            ("connection_errors", "Connections to the database that could not be made", pool.connection_errors),
        ):
            yield CounterMetricFamily(f"database_pool_{name}", text, value)
        yield GaugeMetricFamily("cache_available", "Whether the cache gave its last answer", int(self._cache.available))
        yield CounterMetricFamily("cache_errors", "Questions that the cache did not answer", self._cache.errors)
        state = GaugeMetricFamily("lifecycle_state", "1 for the state that the process is in", labels=("state",))
        for name in STATES:
            state.add_metric((name,), int(name == self._lifecycle.state))
        yield state
