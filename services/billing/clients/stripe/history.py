"""What Stripe has of the last days, page by page: events, charges, disputes, transactions of the balance; and the
balance itself."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

from services.billing.clients.stripe.balance import read_transaction
from services.billing.clients.stripe.gate import StripeGate
from services.billing.domain.reconciliation import ChargeFacts, DisputeFacts
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

_PAGE = 100
Page = Callable[[dict[str, Any]], Awaitable[Any]]


async def events_since(gate: StripeGate, since: datetime) -> AsyncIterator[list[bytes]]:
    """Events as they are delivered, newest first, a page of bodies at a time; Stripe keeps them for 30 days. Taken from
    the answer's own bytes: the SDK's objects do not go back into JSON."""
    async for page in _pages(gate, gate.v1.events.list_async, since):
        told = json.loads(page.last_response.body)
        yield [json.dumps(event).encode() for event in told["data"]]


async def charges_since(gate: StripeGate, since: datetime) -> AsyncIterator[list[ChargeFacts]]:
    """Charges, newest first, a page at a time."""
    async for page in _pages(gate, gate.v1.charges.list_async, since):
        yield [_charge(raw) for raw in page.to_dict()["data"]]


async def disputes_since(gate: StripeGate, since: datetime) -> AsyncIterator[list[DisputeFacts]]:
    """Disputes, newest first, a page at a time."""
    async for page in _pages(gate, gate.v1.disputes.list_async, since):
        yield [DisputeFacts(raw["id"], raw["status"]) for raw in page.to_dict()["data"]]


async def transactions_since(gate: StripeGate, since: datetime) -> AsyncIterator[list[BalanceTransaction]]:
    """Transactions of the balance, newest first, a page at a time."""
    async for page in _pages(gate, gate.v1.balance_transactions.list_async, since):
        yield [read_transaction(raw) for raw in page.to_dict()["data"]]


async def balance_of(gate: StripeGate) -> dict[str, int]:
    """All that we have at Stripe, available or pending, in minor units by currency."""
    told: dict[str, Any] = (await gate.ask(gate.v1.balance.retrieve_async())).to_dict()
    sums: dict[str, int] = {}
    for part in (*told["available"], *told["pending"]):
        sums[part["currency"]] = sums.get(part["currency"], 0) + part["amount"]
    return sums


async def _pages(gate: StripeGate, list_page: Page, since: datetime) -> AsyncIterator[Any]:
    after: dict[str, str] = {}
    while True:
        page = await gate.ask(list_page({"created": {"gte": int(since.timestamp())}, "limit": _PAGE, **after}))
        yield page
        if not page.has_more:
            return
        after = {"starting_after": page.data[-1].id}


def _charge(raw: dict[str, Any]) -> ChargeFacts:
    return ChargeFacts(
        id=raw["id"],
        is_paid=raw["status"] == "succeeded" and raw["captured"],
        amount=Money(raw["amount_captured"], raw["currency"]),
        refunded_minor=raw["amount_refunded"],
        payment_id=(raw.get("metadata") or {}).get("payment_id"),
    )
