"""Requests and how long they took, counted for Prometheus without its client's locks, which cost more than counting.

One thread counts: that of the event loop. A scrape may come from any.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

_BOUNDS_MS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
_BOUNDS_NS = tuple(int(bound * 1_000_000) for bound in _BOUNDS_MS)
_LABELS = (*(str(bound / 1_000) for bound in _BOUNDS_MS), "+Inf")


class Timings:
    """The requests of one method and route."""

    __slots__ = ("buckets", "by_status", "nanoseconds")

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}
        self.buckets = [0] * len(_LABELS)
        self.nanoseconds = 0

    def count(self, status: int, elapsed_ns: int) -> None:
        """One has ended."""
        self.by_status[status] = self.by_status.get(status, 0) + 1
        self.buckets[bisect_left(_BOUNDS_NS, elapsed_ns)] += 1
        self.nanoseconds += elapsed_ns


class Traffic(Collector):
    """One a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._timings: dict[tuple[str, str], Timings] = {}
        registry.register(self)

    def of(self, method: str, route: str) -> Timings:
        """Where requests of a method and a route's template are counted."""
        timings = self._timings.get((method, route))
        if timings is None:
            timings = self._timings[method, route] = Timings()
        return timings

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "tollgate_http_requests",
            "Requests answered, by method, route template and status.",
            labels=("method", "route", "status"),
        )
        latency = HistogramMetricFamily(
            "tollgate_http_request_seconds",
            "Time from a request's head to the end of its answer.",
            labels=("method", "route"),
        )
        for (method, route), timings in list(self._timings.items()):
            for status, count in list(timings.by_status.items()):
                requests.add_metric((method, route, str(status)), count)
            buckets = list(zip(_LABELS, accumulate(timings.buckets), strict=True))
            latency.add_metric((method, route), buckets, timings.nanoseconds / 1e9)
        yield requests
        yield latency


class Tally(Collector):
    """A counter by one label, whose values are known."""

    def __init__(
        self, name: str, about: str, label: str, values: Iterable[str], *, registry: CollectorRegistry
    ) -> None:
        self._family = (name, about, (label,))
        self._counts = dict.fromkeys(values, 0)
        registry.register(self)

    def add(self, value: str) -> None:
        """One more with the label's value."""
        self._counts[value] += 1

    def collect(self) -> Iterator[Metric]:
        name, about, labels = self._family
        counter = CounterMetricFamily(name, about, labels=labels)
        for value, count in list(self._counts.items()):
            counter.add_metric((value,), count)
        yield counter
