"""Paid requests in metrics and log: a line only for what is our fault."""

import time

from shared.doors.application import METHODS
from shared.telemetry import TRAFFIC, logger

ROUTE = "/proxy/{route}/{path}"
_FIRST_FAULT = 500


class Tally:
    """One a process. A caller chooses neither how many series there are nor how many lines a second."""

    def __init__(self) -> None:
        self._flood_told_at = 0.0

    def count(self, method: str, status: int, elapsed_ns: int) -> None:
        """A request has ended."""
        TRAFFIC.of(method if method in METHODS else "OTHER", ROUTE).count(status, elapsed_ns)

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
