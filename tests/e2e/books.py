"""Do the books agree? What must hold after every test, whatever happened in it."""

from collections import defaultdict
from typing import Any

from tests.e2e.callers import Customer, Operator
from tests.e2e.waiting import eventually


def assert_whole(operator: Operator, *customers: Customer, holds_end_within: float = 5.0, least: int = 0) -> None:
    """Transactions sum to the credits, step by step; nothing stays held; the ledger's trial balance is zero. No balance
    was ever under `least`, in millicredits: refunds and disputes alone go under zero."""
    for customer in customers:
        eventually(
            lambda customer=customer: customer.wallet()["held"] == 0,  # type: ignore[misc]
            seconds=holds_end_within,
            what="nothing is held",
        )
        _assert_history(customer, least)
    verdict = operator.verify()
    assert verdict["balanced"] is True, verdict
    assert verdict["trial_balance"] == 0, verdict
    assert verdict["differences"] == [], verdict


def net_by_reference(customer: Customer) -> dict[str, int]:
    """What each call cost in the end: its charges less its reversals, in millicredits."""
    cost: dict[str, int] = defaultdict(int)
    for entry in customer.transactions():
        cost[entry["reference"]] -= entry["credits"]
    return cost


def _assert_history(customer: Customer, least: int) -> None:
    """Every balance follows from the one before, none is under `least`, the last is what the wallet says."""
    entries, wallet = _at_one_moment(customer)
    balance = 0
    for entry in reversed(entries):
        balance += entry["credits"]
        assert entry["balance_after"] == balance, entry
        assert balance >= least, entry
    assert balance == wallet["credits"]
    assert wallet["available"] == wallet["credits"] - wallet["held"]


def _at_one_moment(customer: Customer) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The entries and the wallet, with nothing posted between the two readings."""

    def read() -> tuple[list[dict[str, Any]], dict[str, int]] | None:
        before, entries, after = customer.wallet(), customer.transactions(), customer.wallet()
        return (entries, after) if before == after else None

    return eventually(read, seconds=10, what="the wallet rests")
