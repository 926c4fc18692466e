"""Injected faults: the next so many answers of the API are errors, before the work or after it.

Kept in memory only: a restart of the sandbox heals it.
"""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain.errors import error_body
from deploy.stripe_sandbox.domain.values import Json

MAX_DELAY_MS = 120_000


@dataclass
class Fault:
    """`after`: the work is done and kept, only its answer is lost. `delay_ms`: how long the caller waits
    for it."""

    status: int
    left: int
    path: str = "/v1"
    after: bool = False
    delay_ms: int = 0

    def shown(self) -> Json:
        return {
            "status": self.status,
            "times": self.left,
            "path": self.path,
            "after": self.after,
            "delay_ms": self.delay_ms,
        }


class Faults:
    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """A fault of no times takes away all that wait for its path."""
        if fault.left > 0:
            self._waiting.append(fault)
        else:
            self._waiting = [other for other in self._waiting if not other.path.startswith(fault.path)]

    def take(self, path: str) -> Fault | None:
        """The oldest fault for this path, used once."""
        for fault in self._waiting:
            if path.startswith(fault.path):
                fault.left -= 1
                if fault.left == 0:
                    self._waiting.remove(fault)
                return fault
        return None

    def shown(self) -> list[Json]:
        return [fault.shown() for fault in self._waiting]


def fault_body(status: int) -> Json:
    """Stripe's words for each kind of trouble."""
    if status == 429:
        return error_body(
            "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
            code="rate_limit",
        )
    if status == 409:
        return error_body(
            "This object cannot be accessed right now because another API request or Stripe "
            "process is currently "
            "accessing it.",
            code="lock_timeout",
        )
    return error_body("An unknown error occurred", kind="api_error")
