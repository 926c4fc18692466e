"""A payment intent that no page made: a saved card is charged without its owner, or a sale with the card that it names.
Amounts are in the currency's minor unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.billing.domain.checkout_session import Became, Ignored, Judgement, Paid, not_as_asked
from services.billing.domain.payment import SALE, Payment, Status
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money


@dataclass(frozen=True, slots=True)
class PayingIntent:
    """The intent as Stripe has it. `decline_code` is of its last attempt, where that failed; `next_action_url` is where
    the bank wants to see its customer."""

    id: str
    status: str
    amount_received_minor: int
    currency: str
    livemode: bool
    metadata: Mapping[str, str]
    charge_id: str | None
    transaction: BalanceTransaction | None
    decline_code: str | None
    next_action_url: str | None = None
    cancellation_reason: str | None = None


ABANDONED: Final = "abandoned"
"""Why we cancel an intent whose customer did not come to the bank in time."""

AUTHENTICATION_REQUIRED = "authentication_required"
"""The bank wants its customer: only a page can go on."""

_STATUSES = {
    "succeeded": Status.PROCESSING,
    "processing": Status.PROCESSING,
    "requires_capture": Status.PROCESSING,
    "canceled": Status.CANCELED,
}


def judge_intent(payment: Payment, intent: PayingIntent, *, livemode: bool) -> Judgement:
    """What the intent, as it is now, means for the payment that it names."""
    stranger = _stranger(payment, intent, livemode=livemode)
    if stranger is not None:
        return Ignored(stranger)
    if intent.status == "succeeded":
        return _paid(payment, intent)
    if payment.type == SALE:
        return Became(_of_sale(intent))
    if needs_its_customer(intent):
        return Ignored("the bank wants its customer, who is sent to a page")
    return Became(_STATUSES.get(intent.status, Status.FAILED))


def _of_sale(intent: PayingIntent) -> Status:
    """Its customer is there to be sent to the bank; and one that we gave up as abandoned has expired."""
    if intent.status == "requires_action":
        return Status.REQUIRES_ACTION
    if intent.status == "canceled" and intent.cancellation_reason == ABANDONED:
        return Status.EXPIRED
    return _STATUSES.get(intent.status, Status.FAILED)


def _stranger(payment: Payment, intent: PayingIntent, *, livemode: bool) -> str | None:
    if intent.livemode is not livemode:
        return "the intent is of the other mode (test or live)"
    if intent.metadata.get("account_id") != payment.account_id:
        return "the intent does not name this account"
    if payment.card_id is None:
        return "the payment is paid on a page"
    if payment.session_id is not None:
        return "the payment has gone on to a page"
    if payment.intent_id is not None and payment.intent_id != intent.id:
        return "the payment has another intent"
    return None


def _paid(payment: Payment, intent: PayingIntent) -> Paid | Ignored:
    other = not_as_asked(payment, Money(intent.amount_received_minor, intent.currency))
    return other or Paid(intent.id, intent.charge_id, intent.transaction)


def needs_its_customer(intent: PayingIntent) -> bool:
    """Whether the bank wants the card's owner to confirm the charge."""
    return intent.status == "requires_action" or intent.decline_code == AUTHENTICATION_REQUIRED
