"""The refund and its states.

    pending -> succeeded -> failed        a bank may send money back long after it was paid
    pending -> failed
    requires_action -> canceled           no card gets there

What Stripe took as its fee for the charge it keeps: a refund's own fee is 0.
"""

from typing import Final

from deploy.stripe_sandbox.domain import cards
from deploy.stripe_sandbox.domain.balance_transactions import Movement, new_transaction
from deploy.stripe_sandbox.domain.charges import left_minor
from deploy.stripe_sandbox.domain.currencies import decimals, display
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json

PENDING: Final = "pending"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")
FAILURES: Final = (
    "charge_for_pending_refund_disputed",
    "declined",
    "expired_or_canceled_card",
    "insufficient_funds",
    "lost_or_stolen_card",
    "merchant_request",
    "unknown",
)

# How long a refund that does not end at once takes, in business time.
SETTLES_AFTER_SECONDS: Final = 2

_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def amount_to_refund(charge: Json, asked_minor: int | None, *, disputed: bool) -> int:
    """What is given back: what was asked, or all that is left. Raises for what the charge does not allow."""
    charge_id, left = charge["id"], left_minor(charge)
    if disputed:
        raise StripeError(f"Charge {charge_id} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left <= 0:
        raise StripeError(f"Charge {charge_id} has already been refunded.", code="charge_already_refunded")
    if asked_minor is None:
        return left
    _check_amount(asked_minor, left, charge["currency"])
    return asked_minor


def check_captured(charge: Json) -> None:
    """Only money that was taken can be given back."""
    if charge["status"] != SUCCEEDED:
        raise no_successful_charge(charge["payment_intent"])
    if not charge["captured"]:
        raise StripeError(
            f"Charge {charge['id']} was not captured. Cancel its PaymentIntent to let go of the money.",
            code="charge_not_refundable",
            param="charge",
        )


def no_successful_charge(intent_id: str) -> StripeError:
    return StripeError(f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")


def new_refund(refund_id: str, *, charge: Json, amount_minor: int, given: Json, behaviour: str, now: int) -> Json:
    """A refund as created, before its balance transaction; some cards' refunds are pending for a while."""
    waits = behaviour == cards.PAYS_BUT_REFUND_WAITS
    refund: Json = {
        "id": refund_id,
        "object": "refund",
        "amount": amount_minor,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": merged({}, given.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": PENDING if waits else SUCCEEDED,
        "transfer_reversal": None,
    }
    return {**refund, "pending_reason": "processing"} if waits else refund


def outcome_of(behaviour: str) -> str | None:
    """What becomes of the card's refunds after a while; None where they are done at once."""
    return {cards.PAYS_BUT_REFUND_WAITS: SUCCEEDED, cards.PAYS_BUT_REFUND_FAILS: FAILED}.get(behaviour)


def new_withdrawal(transaction_id: str, *, refund: Json, description: str | None, available_on: int, now: int) -> Json:
    """What the refund takes out of the balance; `description` is the charge's."""
    movement = Movement(
        kind="refund",
        category="refund",
        amount_minor=-refund["amount"],
        currency=refund["currency"],
        source=refund["id"],
        description="REFUND FOR CHARGE" + (f" ({description})" if description else ""),
        available_on=available_on,
    )
    return new_transaction(transaction_id, movement, now=now)


def new_return(transaction_id: str, *, refund: Json, description: str | None, now: int) -> Json:
    """What comes back into the balance when the refund failed, at once."""
    movement = Movement(
        kind="refund_failure",
        category="refund_failure",
        amount_minor=refund["amount"],
        currency=refund["currency"],
        source=refund["id"],
        description="REFUND FAILURE" + (f" ({description})" if description else ""),
        available_on=now,
    )
    return new_transaction(transaction_id, movement, now=now)


def succeeded(refund: Json) -> Json:
    if refund["status"] != PENDING:
        raise _unexpected(refund)
    return {**{name: refund[name] for name in refund if name != "pending_reason"}, "status": SUCCEEDED}


def failed(refund: Json, *, reason: str, transaction_id: str) -> Json:
    """The bank did not take the money; `transaction_id` is how it came back."""
    if refund["status"] not in (PENDING, SUCCEEDED):
        raise _unexpected(refund)
    after = {name: refund[name] for name in refund if name != "pending_reason"}
    after |= {"failure_balance_transaction": transaction_id, "failure_reason": reason, "status": FAILED}
    return after


def canceled(refund: Json) -> Json:
    """Only a refund that waits for its customer can be called back, and a card's never does."""
    raise StripeError(
        f"A refund with a status of {refund['status']} cannot be canceled; only one that requires action can be."
    )


def _check_amount(asked_minor: int, left: int, currency: str) -> None:
    if asked_minor < 1:
        raise StripeError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if asked_minor > left:
        raise StripeError(
            f"Refund amount ({_priced(asked_minor, currency)}) is greater than unrefunded amount on charge "
            f"({_priced(left, currency)})",
            param="amount",
        )
    if decimals(currency) == 3 and asked_minor % 10:
        raise StripeError(
            f"Invalid amount. {currency.upper()} is a three-decimal currency: the amount in its minor unit must be "
            "evenly divisible by 10.",
            code="parameter_invalid_integer",
            param="amount",
        )


def _priced(amount_minor: int, currency: str) -> str:
    """`$5.00`, `¥500`, `5.00 CHF`."""
    text = display(amount_minor, currency)
    symbol = _SYMBOLS.get(currency)
    return text if symbol is None else symbol + text.rpartition(" ")[0]


def _unexpected(refund: Json) -> StripeError:
    return StripeError(f"A refund with a status of {refund['status']} has come to its end.")
