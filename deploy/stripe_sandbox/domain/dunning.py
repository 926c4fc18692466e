"""What happens after a subscription's payment failed: when it is tried again, and what comes after the last time."""

from dataclasses import dataclass
from typing import Final

from deploy.stripe_sandbox.domain.billing_periods import DAY

CANCEL: Final = "cancel"
UNPAID: Final = "unpaid"
PAST_DUE: Final = "past_due"
OUTCOMES = (CANCEL, UNPAID, PAST_DUE)


@dataclass(frozen=True)
class Dunning:
    """`retry_days` count from the invoice's finalization; `then` is what becomes of the subscription at the end."""

    retry_days: tuple[int, ...] = (1, 3, 5)
    then: str = CANCEL

    def next_at(self, finalized_at: int, *, attempts: int) -> int | None:
        """When it is tried again after so many attempts; None after the last."""
        if attempts > len(self.retry_days):
            return None
        return finalized_at + self.retry_days[attempts - 1] * DAY
