"""A step of a payment's: what it became, when, and what made it so. Steps are only ever added.

Instants are business time.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.billing.domain.credit_limit import CreditLimit
from services.billing.domain.payment import Status


class CauseKind(StrEnum):
    """What can make a payment something else."""

    CHECKOUT = "checkout"
    """The request that asked for it."""
    SALE = "sale"
    """The request that asked to be sold something."""
    EVENT = "event"
    """One of Stripe's events, by our id of it."""
    EXPIRY = "expiry"
    """The loop that looks after payments under way."""
    CUSTOMER = "customer"
    """The customer canceled it."""
    OPERATOR = "operator"
    """An operator, by the account."""
    REVIEW = "review"
    """A person decided of a payment that was held, by the account; or fraud did, late."""
    REFUND_LOOP = "refund_loop"
    """The loop that ends what a refund's request left open, by the refund."""
    RECONCILIATION = "reconciliation"
    """A comparison with Stripe, by its report."""
    TOP_UP = "top_up"
    """The loop of automatic top-ups."""
    SUBSCRIPTION_CHECK = "subscription_check"
    """The loop that compares subscriptions with Stripe."""
    SUBSCRIPTION_DEED = "subscription_deed"
    """The loop that asks of Stripe what a subscription's change wants."""
    LICENSE = "license"
    """An operator revoked the license of a subscription, by the license."""
    UNKNOWN = "unknown"


NAMED = frozenset(
    {
        CauseKind.EVENT,
        CauseKind.OPERATOR,
        CauseKind.REVIEW,
        CauseKind.REFUND_LOOP,
        CauseKind.RECONCILIATION,
        CauseKind.LICENSE,
    }
)
"""Those that bear a reference."""


@dataclass(frozen=True, slots=True)
class Cause:
    """`reference` says which event, operator, refund or report it was."""

    kind: CauseKind
    reference: str | None = None

    def __post_init__(self) -> None:
        assert (self.reference is not None) == (self.kind in NAMED)


@dataclass(frozen=True, slots=True)
class PaymentStep:
    """`from_status` is None for the first, which alone may know the `limit` that it fitted in. `session_id` is the
    payment page that the step brought."""

    seq: int
    at: datetime
    from_status: Status | None
    to_status: Status
    cause: Cause
    session_id: str | None = None
    limit: CreditLimit | None = None
