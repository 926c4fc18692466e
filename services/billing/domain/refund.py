"""A refund: money that goes back to whoever paid, and the credits that it takes back.

    requested -> pending | requires_action -> succeeded -> failed
              -> failed (Stripe refused)    -> failed, canceled

A row is `requested` from when it is asked for until Stripe's answer is known, and holds its share of the payment all
that while. Refunds made at Stripe begin as what Stripe says. Amounts are in the payment's currency's minor unit.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from services.billing.domain.payment import PaymentId
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

RefundId = NewType("RefundId", str)
PREFIX = "ref"


class RefundStatus(StrEnum):
    """Stripe's, and one of ours before it."""

    REQUESTED = "requested"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


LIVE = frozenset({RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION, RefundStatus.SUCCEEDED})
"""The money has gone, or is on its way: its credits are taken back."""

_RANK = {
    RefundStatus.REQUESTED: 0,
    RefundStatus.PENDING: 1,
    RefundStatus.REQUIRES_ACTION: 1,
    RefundStatus.SUCCEEDED: 2,
    RefundStatus.FAILED: 3,
    RefundStatus.CANCELED: 3,
}


@dataclass(frozen=True, slots=True)
class RefundState:
    """A refund as Stripe has it. `status` is Stripe's: `pending`, `requires_action`, `succeeded`, `failed`, `canceled`.
    `refund_id` is ours, where we asked for it."""

    id: str
    refund_id: str | None
    charge_id: str | None
    intent_id: str | None
    amount: Money
    status: str
    reason: str | None
    failure_reason: str | None
    transaction: BalanceTransaction | None
    failure_transaction: BalanceTransaction | None


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as billing keeps it. `stripe_id` is None until Stripe is known to have it. `taken_millicredits` is what
    it took from the wallet and `returned_millicredits` what its failure gave back, by the two transfers named.
    `requested_by` is the operator's account, None where it was made at Stripe; `asked_key` tells the request that
    asked for it from others."""

    id: RefundId
    payment_id: PaymentId
    amount: Money
    status: RefundStatus
    created_at: datetime
    requested_by: str | None = None
    reason: str | None = None
    asked_key: bytes | None = None
    stripe_id: str | None = None
    failure_reason: str | None = None
    taken_millicredits: int = 0
    returned_millicredits: int = 0
    transfer_id: UUID | None = None
    return_transfer_id: UUID | None = None

    @property
    def live(self) -> bool:
        """Whether it counts as given back."""
        return self.status in LIVE

    @property
    def asked_for(self) -> bool:
        """Whether Stripe's answer is still to come."""
        return self.status is RefundStatus.REQUESTED

    @property
    def credits_taken(self) -> int:
        """Millicredits that it has taken back and kept."""
        return self.taken_millicredits if self.live else 0


def refused(refund: Refund, why: str) -> Refund:
    """One that Stripe would not make. The request that asked may ask anew."""
    assert refund.asked_for
    return replace(refund, status=RefundStatus.FAILED, failure_reason=why, asked_key=None)


def advanced(refund: Refund, state: RefundState) -> Refund:
    """The refund once Stripe's state is known. A state that a further one has overtaken changes nothing, so the order
    in which states are told does not matter."""
    assert refund.stripe_id in (None, state.id)
    status = RefundStatus(state.status)
    if refund.stripe_id is not None and _RANK[status] <= _RANK[refund.status] and not _sideways(refund.status, status):
        return refund
    return replace(refund, status=status, stripe_id=state.id, failure_reason=state.failure_reason)


def _sideways(now: RefundStatus, then: RefundStatus) -> bool:
    """Waiting and wanting something of the customer come and go; neither moves credits."""
    return now is not then and _RANK[now] == _RANK[then] == 1
