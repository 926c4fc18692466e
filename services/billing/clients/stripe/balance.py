"""Transactions of Stripe's balance: what charges, refunds, disputes, payouts and fees did to it."""

from datetime import UTC, datetime
from typing import Any

from services.billing.clients.stripe.gate import StripeGate
from services.billing.domain.stripe_balance import BalanceTransaction

_PAGE = 100


async def balance_transaction(gate: StripeGate, transaction_id: str) -> BalanceTransaction | None:
    """The transaction, or None where Stripe knows none of that id. Raises StripeRefused, StripeUnavailable."""
    found = await gate.find(gate.v1.balance_transactions.retrieve_async(transaction_id))
    return None if found is None else read_transaction(found.to_dict())


async def transactions_of(gate: StripeGate, source_id: str) -> list[BalanceTransaction]:
    """What a charge, refund, dispute or payout did to the balance, oldest first; a charge's own transaction alone, not
    its refunds'. No source has as many as a page holds. Raises StripeRefused, StripeUnavailable."""
    listed = await gate.find(gate.v1.balance_transactions.list_async({"source": source_id, "limit": _PAGE}))
    rows: list[dict[str, Any]] = [] if listed is None else listed.to_dict()["data"]
    return [read_transaction(row) for row in reversed(rows)]


def read_transaction(raw: dict[str, Any]) -> BalanceTransaction:
    """A transaction as Stripe's answers hold it, asked for or expanded."""
    source = raw.get("source")
    return BalanceTransaction(
        id=raw["id"],
        type=raw["type"],
        reporting_category=raw["reporting_category"],
        amount_minor=raw["amount"],
        fee_minor=raw["fee"],
        net_minor=raw["net"],
        currency=raw["currency"],
        source=source["id"] if isinstance(source, dict) else source,
        created_at=datetime.fromtimestamp(raw["created"], UTC),
    )
