"""A payment and its states.

    pending -> requires_action <-> pending      the customer is at Stripe's page
            -> in_review -> pending             fraud wants a person's judgement, who lets it go on
            -> blocked | failed | canceled | expired
    expired -> blocked                          a person rejected it, which ended its page
            -> processing -> succeeded | failed
    succeeded <-> partially_refunded <-> refunded   what has gone back in sum; a refund that fails leads back
    each of these three <-> disputed                while a dispute of it is open; for good where one was lost

Money that arrives after expiry or cancellation is credited all the same: `succeeded` is reachable from every state
in which Stripe may hold money of ours. Amounts are in the currency's minor unit, `usd_minor` in US cents, credits in
millicredits, `rate_micros` as `pricing` has it. All instants are business time.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal, NewType
from uuid import UUID

from services.billing.domain.pricing import USD_RATE_MICROS
from shared.errors import DomainError
from shared.money import Money

PaymentId = NewType("PaymentId", str)
PREFIX = "pay"
CREDITS = "credits"
SUBSCRIPTION = "subscription"
SALE: Final = "sale"
"""Types of payments."""
Origin = Literal["checkout", "auto_top_up", "subscription", "sale"]


class Status(StrEnum):
    """As the public API says it."""

    PENDING = "pending"
    IN_REVIEW = "in_review"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    DISPUTED = "disputed"


AT_THE_PAGE = frozenset({Status.PENDING, Status.REQUIRES_ACTION})
"""The customer may still pay, or leave."""

CANCELABLE = AT_THE_PAGE | {Status.IN_REVIEW}

UNDER_WAY = AT_THE_PAGE | {Status.PROCESSING}
"""Stripe has the last word on these."""

PAID = frozenset({Status.SUCCEEDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED, Status.DISPUTED})

RESERVING = frozenset(
    {
        Status.PENDING,
        Status.IN_REVIEW,
        Status.REQUIRES_ACTION,
        Status.PROCESSING,
        Status.SUCCEEDED,
        Status.PARTIALLY_REFUNDED,
        Status.DISPUTED,
    }
)
"""What S14's sum of 24 hours counts."""

_MAY_BECOME: dict[Status, frozenset[Status]] = {
    Status.REQUIRES_ACTION: AT_THE_PAGE,
    Status.PENDING: AT_THE_PAGE | {Status.IN_REVIEW},
    Status.PROCESSING: AT_THE_PAGE | {Status.EXPIRED, Status.CANCELED},
    Status.SUCCEEDED: UNDER_WAY | {Status.EXPIRED, Status.CANCELED, Status.FAILED, Status.IN_REVIEW},
    Status.FAILED: UNDER_WAY,
    Status.EXPIRED: UNDER_WAY,
    Status.CANCELED: CANCELABLE | {Status.EXPIRED},
    Status.BLOCKED: AT_THE_PAGE | {Status.IN_REVIEW, Status.EXPIRED},
    Status.IN_REVIEW: frozenset({Status.PENDING}),
}
"""For each state, the states it can be entered from."""

LATE = frozenset({Status.EXPIRED, Status.CANCELED, Status.FAILED})
"""Money that finds a payment in one of these came late: it is credited and flagged."""


def may_become(now: Status, then: Status) -> bool:
    """Whether the table has a way from `now` to `then`. Staying is no change and no way."""
    return now is not then and now in _MAY_BECOME.get(then, frozenset())


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a payment was scored or flagged, in a stable code and in words."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One purchase of credits, one paid invoice of a subscription, or one sale of the operator's; only the first adds
    credits. Of a sale `tip_minor` is the part of the amount that is a tip, `card_id` what it is paid with,
    `checkout_url` where the bank wants to see its customer, and `success_url` where he goes from there; `asked_key` is
    a digest of the request's idempotency key."""

    id: PaymentId
    account_id: str
    type: str
    status: Status
    amount: Money
    usd_minor: int
    millicredits: int
    success_url: str
    cancel_url: str
    created_at: datetime
    expires_at: datetime
    rate_micros: int = USD_RATE_MICROS
    refunded_minor: int = 0
    assessment_id: str | None = None
    score: Decimal | None = None
    reasons: tuple[Reason, ...] = ()
    flags: tuple[str, ...] = ()
    session_id: str | None = None
    intent_id: str | None = None
    charge_id: str | None = None
    checkout_url: str | None = None
    transfer_id: UUID | None = None
    succeeded_at: datetime | None = None
    origin: Origin = "checkout"
    card_id: str | None = None
    failure_code: str | None = None
    saves_card: bool = False
    business_type: str | None = None
    device_id: str | None = None
    tip_minor: int = 0
    description: str | None = None
    asked_key: bytes | None = None

    def payable_at(self, now: datetime) -> bool:
        """Whether the customer can still be sent to the payment page."""
        return self.status in AT_THE_PAGE and self.checkout_url is not None and now < self.expires_at


FLAG_LATE_MONEY = "late_money"
"""Paid after it had expired, failed or been canceled."""

FLAG_REJECTED = "rejected_in_review"
"""Rejected by a person when it had been paid already: nothing is given back by that."""

FLAG_UNASSESSED = "fraud_unavailable"
"""Went on without fraud's judgement; to be looked at afterwards."""


def flagged(payment: Payment, flag: str) -> Payment:
    """The payment with a mark for operators."""
    return payment if flag in payment.flags else replace(payment, flags=(*payment.flags, flag))


def credited(
    payment: Payment,
    *,
    intent_id: str,
    charge_id: str | None,
    session_id: str | None,
    transfer_id: UUID | None,
    at: datetime,
) -> Payment:
    """The payment once its money is there. Money that comes late is flagged."""
    assert may_become(payment.status, Status.SUCCEEDED)
    paid = replace(
        payment,
        status=Status.SUCCEEDED,
        session_id=session_id,
        intent_id=intent_id,
        charge_id=charge_id,
        transfer_id=transfer_id,
        succeeded_at=at,
    )
    return flagged(paid, FLAG_LATE_MONEY) if payment.status in LATE else paid


def with_refunded(payment: Payment, refunded_minor: int) -> Payment:
    """The payment once so much of it has gone back in sum. A dispute's status stays until the dispute ends."""
    assert payment.status in PAID and 0 <= refunded_minor <= payment.amount.amount_minor
    after = replace(payment, refunded_minor=refunded_minor)
    return after if payment.status is Status.DISPUTED else replace(after, status=status_by_refunds(after))


def status_by_refunds(payment: Payment) -> Status:
    """What a paid payment is where no dispute says otherwise."""
    if payment.refunded_minor == 0:
        return Status.SUCCEEDED
    whole = payment.refunded_minor == payment.amount.amount_minor
    return Status.REFUNDED if whole else Status.PARTIALLY_REFUNDED


def disputed(payment: Payment) -> Payment:
    """The payment while a dispute of it is open, and once one was lost."""
    assert payment.status in PAID
    return replace(payment, status=Status.DISPUTED)


def undisputed(payment: Payment) -> Payment:
    """The payment once no dispute keeps any of it: what its refunds make of it."""
    assert payment.status in PAID
    return replace(payment, status=status_by_refunds(payment))


class AlreadyPaid(DomainError):
    """What was to be canceled turned out to be paid."""

    def __init__(self) -> None:
        super().__init__("payment_already_paid", "This payment has been paid, so it can't be canceled.")


class NotCancelable(DomainError):
    """The payment is over, or Stripe is processing it."""

    def __init__(self, status: Status) -> None:
        super().__init__("not_cancelable", f"This payment is {status}; only a pending one can be canceled.")


class PaymentBlocked(DomainError):
    """Fraud's verdict."""

    def __init__(self, payment_id: PaymentId) -> None:
        super().__init__(
            "payment_blocked",
            "This payment was refused. Write to support if that is wrong.",
            extra={"payment_id": payment_id},
        )


class CheckoutEnded(DomainError):
    """The payment was canceled or swept while its page was being made."""

    def __init__(self, status: Status) -> None:
        super().__init__("payment_not_pending", f"This payment became {status} while its page was being made.")
