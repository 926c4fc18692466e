"""A sale of the operator's by POST /payments (U7): a payment that adds no credits, paid at once by the card it names.

    pending -> succeeded                            the card paid
            -> requires_action -> succeeded | failed | expired   the bank wants to see its owner
            -> failed                               the card, or Stripe, refused
            -> in_review -> pending | blocked | canceled         fraud wants a person's judgement

Its amount is all that is charged, and of it `tip_minor` is the tip.
"""

from dataclasses import dataclass

from services.billing.domain.business_types import BusinessType
from services.billing.domain.payment import Payment, Status
from shared.errors import DomainError, Invalid
from shared.money import Money, step_minor


@dataclass(frozen=True, slots=True)
class PayingCard:
    """The card of a payment method. `customer_id` is Stripe's customer who keeps it, if one does; the rest is None
    where Stripe does not say."""

    id: str
    customer_id: str | None
    fingerprint: str | None
    country: str | None
    funding: str | None


@dataclass(frozen=True, slots=True)
class SaleOrder:
    """What is asked for. `payment_method` is Stripe's id of one; `asked_key` a digest of the request and its
    idempotency key, None where it has none."""

    business_type: BusinessType
    amount: Money
    device_id: str
    payment_method: str
    tip_minor: int = 0
    description: str | None = None
    return_url: str | None = None
    asked_key: bytes | None = None


def usable(card: PayingCard | None, *, customer_id: str) -> PayingCard:
    """The card, if it is this customer's or nobody's. Raises Invalid: another's is not told from none."""
    if card is None or card.customer_id not in (None, customer_id):
        raise Invalid("/payment_method", "no such card; name a payment method of type card, your own or a new one")
    return card


def chargeable(amount: Money) -> Money:
    """Raises Invalid for an amount that cards don't settle."""
    step = step_minor(amount.currency)
    if amount.amount_minor % step:
        raise Invalid("/amount/amount", f"must be a multiple of {step}")
    return amount


class CardDeclined(DomainError):
    """The bank refused, or wants its customer where nobody is there. Bears the `payment_id` and the bank's
    `decline_code`."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(
            "card_declined",
            "The card was refused and nothing was charged. Try another card.",
            extra={"payment_id": payment.id, "decline_code": payment.failure_code},
        )


class AmountNotTaken(DomainError):
    """The payment provider takes neither so little nor so much in that currency."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(
            "amount_out_of_range",
            "The payment provider does not take this amount in this currency; in US dollars it takes no less than"
            " 50 cents. Nothing was charged.",
            extra={"payment_id": payment.id},
        )


_NOT_TAKEN = frozenset({"amount_too_small", "amount_too_large"})


def why_failed(payment: Payment) -> DomainError:
    """The refusal of a sale that has failed, by the code that Stripe or the bank gave."""
    assert payment.status is Status.FAILED
    return AmountNotTaken(payment) if payment.failure_code in _NOT_TAKEN else CardDeclined(payment)
