"""News that never came: `tollgate reconcile` finds what Stripe has, repairs it, and then the balances agree."""

import json
import subprocess
import sys
from typing import Any

from tests.e2e import books
from tests.e2e.callers import CREDIT, FIRST_KEY, Customer, Operator, pay
from tests.e2e.running import Running
from tests.e2e.stripe_side import StripeSide


def reconcile(running: Running) -> dict[str, Any]:
    """By command: the report."""
    command = [sys.executable, "-m", "deploy.cli", "reconcile", "--json", "--data-dir", str(running.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_payment_refund_and_dispute_whose_news_were_dropped_are_found(
    customer: Customer, operator: Operator, stripe_side: StripeSide, running: Running
) -> None:
    known = customer.buy()
    stripe_side.deliver("drop")
    begun = customer.checkout().json()
    assert pay(begun["checkout_url"]).status_code == 303
    charge_id = stripe_side.charge_of(known)
    stripe_side.control(f"charges/{charge_id}/dispute", {"amount": 200})
    assert customer.credits() == FIRST_KEY

    report = reconcile(running)
    unheard = {one["theirs"] for one in report["differences"] if one["kind"] == "event_undelivered"}
    assert {"charge.succeeded", "charge.dispute.created"} <= unheard
    assert all(one["repaired"] for one in report["differences"]), report
    assert {money["amount"] for money in report["drift"]} == {0}, report
    assert customer.credits() == 2 * FIRST_KEY - 2_000 * CREDIT
    assert customer.payment(known)["status"] == "disputed"
    assert customer.payment(begun["payment_id"])["status"] == "succeeded"

    [newest, *_] = operator.get("reconciliations", limit=1)["data"]
    assert (newest["id"], newest["agrees"]) == (report["id"], True)
    books.assert_whole(operator, customer)
