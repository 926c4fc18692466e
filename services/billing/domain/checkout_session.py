"""A Checkout Session of Stripe's as billing sees it, and what its present state means for a payment.

`judge` is pure and forgets how the news came: whoever learned of a session (an event, the expiry loop, a
cancellation) fetches it anew and asks here. Amounts are in the currency's minor unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from services.billing.domain.payment import Payment, Status
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money


@dataclass(frozen=True, slots=True)
class IntentState:
    """The session's payment intent, its latest charge, and what that did to Stripe's balance: nothing before it has
    succeeded, and for a moment after."""

    id: str
    status: str
    charge_id: str | None
    transaction: BalanceTransaction | None = None


@dataclass(frozen=True, slots=True)
class SessionState:
    """The session, with its payment intent where the customer has begun to pay; of mode `subscription`, with what
    Stripe calls the subscription that it began."""

    id: str
    url: str | None
    status: Literal["open", "complete", "expired"]
    payment_status: str
    amount_total_minor: int
    currency: str
    livemode: bool
    metadata: Mapping[str, str]
    intent: IntentState | None
    mode: str = "payment"
    subscription_id: str | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """The money of this payment is there; `transaction` is its way into Stripe's balance, once there is one."""

    intent_id: str
    charge_id: str | None
    transaction: BalanceTransaction | None = None


@dataclass(frozen=True, slots=True)
class Became:
    """Not paid; Stripe's state means this status of ours."""

    status: Status


@dataclass(frozen=True, slots=True)
class Ignored:
    """The session is none of this payment's business, for the stated reason. No credit moves."""

    reason: str


Judgement = Paid | Became | Ignored

_INTENT_UNDER_WAY = {
    "processing": Status.PROCESSING,
    "requires_capture": Status.PROCESSING,
    "succeeded": Status.PROCESSING,
    "requires_action": Status.REQUIRES_ACTION,
    "requires_confirmation": Status.REQUIRES_ACTION,
}


def judge(payment: Payment, session: SessionState, *, livemode: bool) -> Judgement:
    """What `session`, as it is now, means for `payment`."""
    stranger = _stranger(payment, session, livemode=livemode)
    if stranger is not None:
        return Ignored(stranger)
    if session.status == "complete" and session.payment_status == "paid":
        return _paid(payment, session)
    if session.status == "complete" and session.payment_status != "unpaid":
        return Ignored(f"the session's payment status is {session.payment_status}")
    if session.status == "complete":
        return Became(_unsettled(session.intent))
    if session.status == "expired":
        return Became(Status.EXPIRED)
    waits = session.intent is not None and session.intent.status == "requires_action"
    return Became(Status.REQUIRES_ACTION if waits else Status.PENDING)


def _stranger(payment: Payment, session: SessionState, *, livemode: bool) -> str | None:
    if session.livemode is not livemode:
        return "the session is of the other mode (test or live)"
    if session.metadata.get("payment_id") != payment.id or session.metadata.get("account_id") != payment.account_id:
        return "the session does not name this payment and account"
    if payment.session_id is not None and payment.session_id != session.id:
        return "the payment has another session"
    return None


def not_as_asked(payment: Payment, paid: Money) -> Ignored | None:
    """Why what was paid is not this payment's price, if it is not."""
    if paid == payment.amount:
        return None
    asked = payment.amount
    return Ignored(f"paid {paid.amount_minor} {paid.currency} where {asked.amount_minor} {asked.currency} was asked")


def _paid(payment: Payment, session: SessionState) -> Paid | Ignored:
    other = not_as_asked(payment, Money(session.amount_total_minor, session.currency))
    if other is not None:
        return other
    if session.intent is None:
        return Ignored("the session is paid without a payment intent")
    return Paid(session.intent.id, session.intent.charge_id, session.intent.transaction)


def _unsettled(intent: IntentState | None) -> Status:
    """A completed session whose money is still to come (bank debits and the like), or has failed to."""
    if intent is None:
        return Status.PROCESSING
    return _INTENT_UNDER_WAY.get(intent.status, Status.FAILED)
