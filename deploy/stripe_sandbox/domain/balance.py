"""What Stripe holds for the account, and payouts: money that leaves it for the bank.

payout: pending -> in_transit -> paid        (all within the sandbox's business time)
"""

from typing import Final

from deploy.stripe_sandbox.domain.balance_transactions import Movement, new_transaction
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json

PENDING: Final = "pending"
PAID: Final = "paid"

_DAY = 24 * 3600
_ARRIVES_AFTER_DAYS = 2


def balance(sums: list[tuple[str, int, int]]) -> Json:
    """The balance object of (currency, available, pending) in minor units; at least US dollars are there."""
    known = sums or [("usd", 0, 0)]
    return {
        "object": "balance",
        "available": [_sum(currency, available) for currency, available, _ in known],
        "livemode": False,
        "pending": [_sum(currency, pending) for currency, _, pending in known],
        "refund_and_dispute_prefunding": {
            "available": [_sum(currency, 0) for currency, _, _ in known],
            "pending": [_sum(currency, 0) for currency, _, _ in known],
        },
    }


def check_covered(amount_minor: int, available_minor: int) -> None:
    """No more is paid out than there is."""
    if amount_minor > available_minor:
        raise StripeError(
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. "
            "The /v1/balance endpoint says what it is.",
            code="balance_insufficient",
        )


def new_payout(
    payout_id: str,
    *,
    amount_minor: int,
    currency: str,
    destination: str,
    given: Json,
    automatic: bool,
    now: int,
) -> Json:
    """A payout as created, before its balance transaction; an automatic one pays out what it can name."""
    return {
        "id": payout_id,
        "object": "payout",
        "amount": amount_minor,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": (now // _DAY + _ARRIVES_AFTER_DAYS) * _DAY,
        "automatic": automatic,
        "balance_transaction": None,
        "created": now,
        "currency": currency,
        "description": given.get("description", "STRIPE PAYOUT" if automatic else None),
        "destination": destination,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": merged({}, given.get("metadata")),
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "completed" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": given.get("statement_descriptor"),
        "status": PENDING,
        "trace_id": None,
        "type": "bank_account",
    }


def new_transfer(transaction_id: str, *, payout: Json, now: int) -> Json:
    """What the payout takes out of the balance."""
    movement = Movement(
        kind="payout",
        category="payout",
        amount_minor=-payout["amount"],
        currency=payout["currency"],
        source=payout["id"],
        description=payout["description"],
        available_on=now,
    )
    return new_transaction(transaction_id, movement, now=now)


def arrived(payout: Json) -> Json:
    return {**payout, "status": PAID}


def _sum(currency: str, amount_minor: int) -> Json:
    return {"amount": amount_minor, "currency": currency, "source_types": {"card": amount_minor}}
