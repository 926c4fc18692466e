"""A judged payment in hindsight, as a model learns from it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

FRAUD, HONEST, NOT_KNOWN = 1, 0, -1
_WENT_THROUGH = frozenset({"succeeded", "partially_refunded", "refunded"})


@dataclass(frozen=True, slots=True)
class PastPayment:
    """`is_fraud` is the last word on it, None where nobody said any; `known_at` is when it was first known as fraud.
    `status` is what became of it, by billing; None where that was not heard."""

    at: datetime
    account: str
    terminal: str
    cents: int
    status: str | None
    is_fraud: bool | None
    known_at: datetime | None

    def scenario(self, *, now: datetime, quiet: timedelta) -> int:
        """Fraud or honest by the last word on it. Without a word, a payment that went through and that nobody disputed
        for as long as `quiet` was honest; of one that was stopped, or is younger, nobody can tell."""
        if self.is_fraud is not None:
            return FRAUD if self.is_fraud else HONEST
        is_old = now - self.at >= quiet
        return HONEST if is_old and self.status in _WENT_THROUGH else NOT_KNOWN
