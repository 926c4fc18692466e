"""Balance transactions: each movement of what Stripe holds for the account, in minor units.

`amount` is negative where money leaves, `fee` is what Stripe takes for it, `net` is what is left of both. Each
currency has a balance of its own; nothing is converted.
"""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain.values import Json

PAYOUT_DELAY_SECONDS = 2 * 24 * 3600
_DAY = 24 * 3600


@dataclass(frozen=True)
class Movement:
    """What moved the balance: `kind` and `category` are Stripe's `type` and `reporting_category`."""

    kind: str
    category: str
    amount_minor: int
    currency: str
    source: str
    description: str | None
    available_on: int
    fee_minor: int = 0
    fee_description: str = "Stripe processing fees"


def new_transaction(transaction_id: str, movement: Movement, *, now: int) -> Json:
    return {
        "id": transaction_id,
        "object": "balance_transaction",
        "amount": movement.amount_minor,
        "available_on": movement.available_on,
        "balance_type": "payments",
        "created": now,
        "currency": movement.currency,
        "description": movement.description,
        "exchange_rate": None,
        "fee": movement.fee_minor,
        "fee_details": _fee_details(movement),
        "net": movement.amount_minor - movement.fee_minor,
        "reporting_category": movement.category,
        "source": movement.source,
        "status": "available" if movement.available_on <= now else "pending",
        "type": movement.kind,
    }


def paid_out_on(now: int) -> int:
    """The first moment of the day on which money that came in now is the account's to take."""
    return (now + PAYOUT_DELAY_SECONDS) // _DAY * _DAY


def transaction_at(transaction: Json, *, now: int) -> Json:
    """The transaction as it reads at `now`: its money becomes available by the passing of time alone."""
    available = transaction["available_on"] <= now
    return {**transaction, "status": "available" if available else "pending"}


def _fee_details(movement: Movement) -> list[Json]:
    if movement.fee_minor == 0:
        return []
    return [
        {
            "amount": movement.fee_minor,
            "application": None,
            "currency": movement.currency,
            "description": movement.fee_description,
            "type": "stripe_fee",
        }
    ]
