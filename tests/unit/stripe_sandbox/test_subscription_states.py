"""The tables of subscriptions and invoices: every way on, and what the state does not allow."""

from itertools import pairwise
from typing import Any

import pytest

from deploy.stripe_sandbox.domain import invoices, subscriptions
from deploy.stripe_sandbox.domain.dunning import Dunning
from deploy.stripe_sandbox.domain.errors import StripeError

NOW = 1_800_000_000
MONTH = 30 * 86_400
PRICE: dict[str, Any] = {
    "id": "price_1",
    "active": True,
    "billing_scheme": "per_unit",
    "created": NOW,
    "currency": "usd",
    "metadata": {},
    "nickname": None,
    "product": "prod_1",
    "recurring": {"interval": "month", "interval_count": 1, "trial_period_days": None, "usage_type": "licensed"},
    "unit_amount": 2500,
    "unit_amount_decimal": "2500",
}


def item(price: dict[str, Any] = PRICE, item_id: str = "si_1") -> dict[str, Any]:
    period = (NOW, NOW + MONTH)
    return subscriptions.new_item(
        item_id, subscription_id="sub_1", price=price, quantity=1, metadata=None, period=period, now=NOW
    )


def subscription(status: str, **given: Any) -> dict[str, Any]:
    made = subscriptions.new_subscription(
        "sub_1", customer_id="cus_1", items=[item()], given=given, status=status, now=NOW
    )
    return {**made, "latest_invoice": "in_2"}


def invoice(status: str = invoices.DRAFT) -> dict[str, Any]:
    customer = {"id": "cus_1", "address": None, "email": None, "name": None, "phone": None, "shipping": None}
    made = invoices.new_invoice(
        "in_1",
        subscription=subscription("active"),
        customer={**customer, "tax_exempt": "none"},
        lines=[{"amount": 2500}],
        reason=invoices.CYCLE,
        period=(NOW - MONTH, NOW),
        auto_advance=True,
        now=NOW,
    )
    return {**made, "status": status}


@pytest.mark.parametrize(
    ("before", "invoice_id", "after"),
    [
        ("incomplete", "in_1", "active"),
        ("past_due", "in_2", "active"),
        ("unpaid", "in_2", "active"),
        ("past_due", "in_1", "past_due"),
        ("trialing", "in_2", "trialing"),
        ("canceled", "in_2", "canceled"),
    ],
)
def test_payment_moves_it_on(before: str, invoice_id: str, after: str) -> None:
    assert subscriptions.paid(subscription(before), invoice_id=invoice_id)["status"] == after


@pytest.mark.parametrize(
    ("before", "last", "then", "after"),
    [
        ("active", False, "unpaid", "past_due"),
        ("past_due", True, "unpaid", "unpaid"),
        ("past_due", True, "past_due", "past_due"),
        ("incomplete", True, "unpaid", "incomplete"),
        ("canceled", True, "unpaid", "canceled"),
    ],
)
def test_failed_payment_moves_it_on(before: str, last: bool, then: str, after: str) -> None:
    assert subscriptions.payment_failed(subscription(before), last=last, then=then)["status"] == after


@pytest.mark.parametrize("status", sorted(subscriptions.ENDED))
def test_what_has_ended_stays_so(status: str) -> None:
    with pytest.raises(StripeError):
        subscriptions.canceled(subscription(status), reason="cancellation_requested", now=NOW)
    assert not subscriptions.ends_at({**subscription(status), "cancel_at": NOW}, now=NOW + 1)


def test_planned_end_is_taken_back_whole() -> None:
    begun = subscription("active")
    planned = subscriptions.canceling(begun, {"cancel_at_period_end": True}, now=NOW + 5)
    assert (planned["cancel_at"], planned["canceled_at"]) == (NOW + MONTH, NOW + 5)
    assert subscriptions.canceling(planned, {"cancel_at_period_end": False}, now=NOW + 6) == begun
    with pytest.raises(StripeError):
        subscriptions.canceling(begun, {"cancel_at": NOW}, now=NOW)


def test_only_a_paused_one_is_resumed() -> None:
    paused = subscriptions.paused(subscription("trialing"), now=NOW)
    assert subscriptions.resumed(paused)["status"] == "active"
    with pytest.raises(StripeError):
        subscriptions.resumed(subscription("active"))


def test_items_that_cannot_be_billed_together_are_refused() -> None:
    yearly = {**PRICE, "id": "price_2", "recurring": {**PRICE["recurring"], "interval": "year"}}
    euros = {**PRICE, "id": "price_3", "currency": "eur"}
    for others in ([], [item(), item(yearly, "si_2")], [item(), item(euros, "si_2")], [item(), item(PRICE, "si_2")]):
        with pytest.raises(StripeError):
            subscriptions.check_items(others)
    subscriptions.check_items([item(), item({**PRICE, "id": "price_4"}, "si_2")])


@pytest.mark.parametrize(
    ("balance", "due", "ending"), [(0, 2500, 0), (-1000, 1500, 0), (-4000, 0, -1500), (500, 3000, 0)]
)
def test_what_is_due_counts_the_customers_balance(balance: int, due: int, ending: int) -> None:
    final = invoices.finalized(invoice(), number="A-0001", balance_minor=balance, url="http://x", now=NOW)
    assert (final["amount_due"], final["ending_balance"], final["status"]) == (due, ending, "open")
    paid = invoices.paid(final, now=NOW + 1)
    assert (paid["amount_paid"], paid["amount_remaining"], paid["status"]) == (due, 0, "paid")


@pytest.mark.parametrize("status", ["draft", "paid", "void"])
def test_invoice_that_is_not_open_is_neither_paid_nor_voided(status: str) -> None:
    for change in (invoices.paid, invoices.voided, invoices.marked_uncollectible):
        with pytest.raises(StripeError):
            change(invoice(status), now=NOW)


def test_attempts_come_on_the_days_that_are_set_and_end() -> None:
    dunning = Dunning((1, 3, 5))
    instants = [dunning.next_at(NOW, attempts=attempts) for attempts in range(1, 5)]
    assert instants == [NOW + 86_400, NOW + 3 * 86_400, NOW + 5 * 86_400, None]
    assert all(first < second for first, second in pairwise(instants[:3]) if first and second)
