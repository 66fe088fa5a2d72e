"""What the server counts, for Prometheus. Imported only where that is asked for: its client is an extra."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

from statekeep_core import __version__
from statekeep_core.traffic import NO_TRAFFIC

from .metrics_files import forget_dead
from .observing import Observer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from statekeep_core._shared.state.messages import Swept
    from statekeep_core.traffic import Traffic

    from .observing import Exchange, Group
    from .store_figures import StoreFigures

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_NS = 1e-9
_US = 1e-6

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Figures(NamedTuple):
    """Every metric, by the name under which the rest of this module fills it."""

    requests: Counter
    request_seconds: Histogram
    queue_waiting: Gauge
    queue_refused: Counter
    group_requests: Histogram
    group_seconds: Histogram
    round_trips: Counter
    database_errors: Counter
    tries_started: Counter
    tries_finished: Counter
    tries_running: Gauge
    sweep_removed: Counter
    sweep_last_success: Gauge
    disposals_pending: Gauge
    disposals_oldest_due: Gauge
    store_up: Gauge
    build: Gauge


def figures(registry: CollectorRegistry) -> Figures:
    """Make all metrics. Those of the store are the same at each server; of workers, the last look counts."""

    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"statekeep_{name}", text, labels, registry=registry)

    def gauge(name: str, text: str, *labels: str, mode: str = "mostrecent") -> Gauge:
        return Gauge(f"statekeep_{name}", text, labels, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]  # one of the names that it takes

    def histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"statekeep_{name}", text, labels, registry=registry, buckets=buckets)

    return Figures(
        requests=counter("requests", "Requests answered, by what they asked.", "operation", "code"),
        request_seconds=histogram(
            "request_duration_seconds", "From a request's head to its answer.", "operation", buckets=_SECONDS
        ),
        queue_waiting=gauge("queue_waiting", "Requests that wait for the store.", "queue", mode="livesum"),
        queue_refused=counter("queue_refused", "Requests refused because too many waited.", "queue"),
        group_requests=histogram(
            "group_requests", "How many requests were answered together.", "queue", buckets=_SIZES
        ),
        group_seconds=histogram(
            "group_duration_seconds", "How long the store took for a group.", "queue", buckets=_SECONDS
        ),
        round_trips=counter("database_round_trips", "How often a thread waited for PostgreSQL."),
        database_errors=counter("database_errors", "What PostgreSQL refused or broke off.", "error"),
        tries_started=counter("tries_started", "Starts of tries that were answered."),
        tries_finished=counter("tries_finished", "Ends of tries that were answered.", "status"),
        tries_running=gauge("tries_running", "Tries of the store that have started and not ended."),
        sweep_removed=counter("sweep_removed", "What this server's sweeps have removed.", "what"),
        sweep_last_success=gauge(
            "sweep_last_success_timestamp_seconds", "When the store was last swept to the end; 0: never."
        ),
        disposals_pending=gauge(
            "disposals_pending", "Objects that workers are to delete; counted to 10,000."
        ),
        disposals_oldest_due=gauge(
            "disposals_oldest_due_timestamp_seconds", "Since when the first of them is due; 0: none."
        ),
        store_up=gauge("store_up", "Whether the store answered when the metrics were last read."),
        build=gauge("build_info", "1, and the release.", "version"),
    )


class Metrics(Observer):
    """Counts. One per process; with several workers, each page tells of all of them."""

    def __init__(self, folder: str = "", place: int = 0) -> None:
        """``folder``: where the workers count together, which the process's environment names, too.

        ``place``: this process's there, whose counts it goes on with.
        """
        self._folder = folder
        if self._folder:
            forget_dead(Path(self._folder))
            # Prometheus's own choice is the process id: each that dies would leave its files for good.
            values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]  # it has no annotations
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
        self._registry = CollectorRegistry()
        self._figures = figures(self._registry)
        self._figures.build.labels(__version__).set(1)
        # A look-up of labels takes a lock and a third of a microsecond, and each request needs two.
        self._requests: dict[tuple[str, str], Counter] = {}
        self._seconds: dict[str, Histogram] = {}
        self._known_traffic = NO_TRAFFIC

    def request_ended(self, exchange: Exchange) -> None:
        operation, code = exchange.operation, exchange.code
        counted = self._requests.get((operation, code))
        if counted is None:
            counted = self._requests[operation, code] = self._figures.requests.labels(operation, code)
        counted.inc()
        timed = self._seconds.get(operation)
        if timed is None:
            timed = self._seconds[operation] = self._figures.request_seconds.labels(operation)
        timed.observe(exchange.seconds)
        if exchange.outcome:
            self._figures.tries_finished.labels(exchange.outcome).inc()
        elif operation == "start" and code == "ok":
            self._figures.tries_started.inc()

    def queue_refused(self, queue: str) -> None:
        self._figures.queue_refused.labels(queue).inc()

    def group_answered(self, group: Group) -> None:
        self._figures.group_requests.labels(group.queue).observe(len(group.origins))
        self._figures.group_seconds.labels(group.queue).observe((group.ended_at_ns - group.began_at_ns) * _NS)

    def swept(self, swept: Swept) -> None:
        for what in ("task_entries", "asset_entries", "requests"):
            self._figures.sweep_removed.labels(what).inc(getattr(swept, what))

    def sample(self, waiting: Mapping[str, int], traffic: Traffic) -> None:
        """Take over what is counted elsewhere, since it was last taken."""
        for queue, requests in waiting.items():
            self._figures.queue_waiting.labels(queue).set(requests)
        known, self._known_traffic = self._known_traffic, traffic
        self._figures.round_trips.inc(max(0, traffic.round_trips - known.round_trips))
        for error, count in traffic.errors.items():
            self._figures.database_errors.labels(error).inc(max(0, count - known.errors.get(error, 0)))

    def store_is(self, figures: StoreFigures | None) -> None:
        """Take over what the store says of itself; None: it does not answer."""
        self._figures.store_up.set(figures is not None)
        if figures is not None:
            self._figures.tries_running.set(figures.running_tries)
            self._figures.sweep_last_success.set(figures.swept_at_us * _US)
            self._figures.disposals_pending.set(figures.pending_disposals)
            self._figures.disposals_oldest_due.set(figures.oldest_due_at_us * _US)

    def page(self) -> bytes:
        """Return the figures of this process, or of all workers, in Prometheus's text format."""
        if not self._folder:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]  # it has no annotations
        return generate_latest(registry)
