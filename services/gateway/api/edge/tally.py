"""Paid requests in metrics and log: counters resolved once, a line only for what is our fault."""

import time

from prometheus_client import Counter, Histogram

from shared.doors.application import METHODS
from shared.telemetry import LATENCY, REQUESTS, logger

ROUTE = "/proxy/{route}/{path}"
_FIRST_FAULT = 500


class Tally:
    """One a process. A caller chooses neither how many series there are nor how many lines a second."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], Counter] = {}
        self._latencies: dict[str, Histogram] = {}
        self._flood_told_at = 0.0

    def count(self, method: str, status: int, elapsed_ns: int) -> None:
        """A request has ended."""
        if method not in METHODS:
            method = "OTHER"
        counter = self._counts.get((method, status))
        if counter is None:
            counter = self._counts[method, status] = REQUESTS.labels(method, ROUTE, str(status))
            self._latencies[method] = LATENCY.labels(method, ROUTE)
        counter.inc()
        self._latencies[method].observe(elapsed_ns / 1e9)

    def refused(self, request_id: str, code: str, status: int) -> None:
        """One line for a refusal that is ours to mend; of a flood that is turned away one line a second."""
        if status < _FIRST_FAULT:
            return
        if code == "overloaded":
            now = time.monotonic()
            if now - self._flood_told_at < 1.0:
                return
            self._flood_told_at = now
        logger.warning("refused", route=ROUTE, code=code, status=status, request_id=request_id)
