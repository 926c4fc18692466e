"""What is read from Stripe's objects is the same in both worlds of shapes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.billing.domain.stripe_events.payment_shapes import (
    charge_facts,
    dispute_facts,
    intent_facts,
    refund_facts,
    session_facts,
)
from services.billing.domain.stripe_events.subscription_shapes import (
    invoice_facts,
    invoice_payment_facts,
    subscription_facts,
)
from tests.support import stripe_events as shapes
from tests.support.stripe_events import WORLDS, World

START = datetime.fromtimestamp(shapes.STARTED, UTC)
END = datetime.fromtimestamp(shapes.STARTED + shapes.MONTH_SECONDS, UTC)


@pytest.mark.parametrize("world", WORLDS)
def test_invoice_names_its_subscription_payment_and_state_in_both_worlds(world: World) -> None:
    invoice = invoice_facts(shapes.invoice(world))
    assert (invoice.id, invoice.customer_id, invoice.subscription_id) == ("in_1", "cus_1", "sub_1")
    assert (invoice.status, invoice.currency, invoice.due_minor) == ("paid", "usd", 4000)
    assert (invoice.attempts, invoice.created_at) == (1, START)
    assert (invoice.charge_id, invoice.intent_id) == (("ch_1", None) if world == "old" else (None, "pi_1"))


@pytest.mark.parametrize("world", WORLDS)
def test_invoices_line_names_its_price_and_period_in_both_worlds(world: World) -> None:
    [line] = invoice_facts(shapes.invoice(world)).lines
    assert line.price_id == ("gold" if world == "old" else "price_gold")
    assert (line.subscription_id, line.amount_minor, line.quantity) == ("sub_1", 2000, 2)
    assert (line.period_start_at, line.period_end_at) == (START, END)


@pytest.mark.parametrize("price", ["price_gold", {"id": "price_gold", "object": "price"}])
def test_lines_price_may_be_expanded_in_every_place(price: Any) -> None:
    for line in (
        {"price": price, "plan": {"id": "gold"}},
        {"pricing": {"price_details": {"price": price}}},
        {"plan": price},
    ):
        assert invoice_facts({"lines": shapes.listed(line)}).lines[0].price_id == "price_gold"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"paid": False, "forgiven": True}, "uncollectible"),
        ({"paid": False, "forgiven": False}, "open"),
        ({"status": "void", "paid": False}, "void"),
        ({}, None),
    ],
)
def test_invoices_state_is_told_before_there_was_a_status(fields: dict[str, Any], status: str | None) -> None:
    assert invoice_facts(fields).status == status


def test_of_an_invoices_payments_the_one_that_was_made_counts_then_the_default() -> None:
    def paid_by(*attempts: tuple[str, str, bool]) -> str | None:
        payments = [
            {"status": status, "is_default": default, "payment": {"type": "payment_intent", "payment_intent": intent}}
            for intent, status, default in attempts
        ]
        return invoice_facts({"payments": shapes.listed(*payments)}).intent_id

    assert paid_by(("pi_1", "open", True), ("pi_2", "paid", False)) == "pi_2"
    assert paid_by(("pi_1", "canceled", False), ("pi_2", "open", True)) == "pi_2"
    assert paid_by(("pi_1", "canceled", False), ("pi_2", "canceled", False)) == "pi_1"
    assert paid_by() is None


def test_invoice_payment_names_its_invoice_and_intent() -> None:
    attempt = invoice_payment_facts(shapes.invoice_payment())
    assert (attempt.invoice_id, attempt.intent_id, attempt.charge_id) == ("in_1", "pi_1", None)


@pytest.mark.parametrize("world", WORLDS)
def test_subscriptions_period_is_found_on_it_or_on_the_item_that_ends_first(world: World) -> None:
    subscription = subscription_facts(shapes.subscription(world))
    assert (subscription.period_start_at, subscription.period_end_at) == (START, END)
    assert (subscription.id, subscription.customer_id, subscription.status) == ("sub_1", "cus_1", "active")
    assert subscription.ends_with_period is False
    assert {item.price_id for item in subscription.items} == {"gold" if world == "old" else "price_gold"}
    assert {item.quantity for item in subscription.items} == {2}


@pytest.mark.parametrize("world", WORLDS)
def test_charge_tells_of_its_refunds_or_that_it_does_not(world: World) -> None:
    charge = charge_facts(shapes.charge(world))
    assert (charge.id, charge.intent_id, charge.transaction_id) == ("ch_1", "pi_1", "txn_in")
    assert charge.refund_ids == (("re_1",) if world == "old" else None)


@pytest.mark.parametrize("world", WORLDS)
def test_intent_names_its_latest_charge_in_both_worlds(world: World) -> None:
    assert intent_facts(shapes.intent(world)).charge_id == "ch_1"


@pytest.mark.parametrize("world", WORLDS)
def test_disputes_transactions_are_objects_or_ids(world: World) -> None:
    dispute = dispute_facts(shapes.dispute(world))
    assert (dispute.charge_id, dispute.transaction_ids) == ("ch_1", ("txn_gone",))
    assert dispute_facts({"balance_transaction": {"id": "txn_1"}}).transaction_ids == ("txn_1",)


def test_links_are_read_as_ids_or_as_expanded_objects() -> None:
    whole = shapes.charge(
        "new", payment_intent={"id": "pi_1"}, customer={"id": "cus_1"}, refunds=["re_1", {"id": "re_2"}]
    )
    assert charge_facts(whole).intent_id == "pi_1"
    assert charge_facts(whole).customer_id == "cus_1"
    for linked in ("ch_1", {"id": "ch_1", "payment_intent": "pi_1"}):
        refund = refund_facts(shapes.refund(charge=linked, failure_balance_transaction={"id": "txn_undone"}))
        assert (refund.charge_id, refund.intent_id) == ("ch_1", "pi_1")
        assert refund.transaction_ids == ("txn_back", "txn_undone")
    assert refund_facts({"charge": {"id": "ch_1", "payment_intent": {"id": "pi_1"}}}).intent_id == "pi_1"
    assert dispute_facts({"charge": {"id": "ch_1", "payment_intent": "pi_1"}}).intent_id == "pi_1"
    assert session_facts({"payment_intent": {"id": "pi_1"}, "customer": "cus_1"}).intent_id == "pi_1"


@pytest.mark.parametrize("odd", [None, 5, 1e400, True, "", "no id\n", [], {}, {"id": 5}, {"data": "x"}, [[]], "\ud800"])
def test_odd_fields_are_left_out(odd: Any) -> None:
    for read, example in (
        (charge_facts, shapes.charge("old")),
        (dispute_facts, shapes.dispute("new")),
        (invoice_facts, shapes.invoice("new")),
        (subscription_facts, shapes.subscription("new")),
    ):
        for name in example:
            read({**example, name: odd})
    assert subscription_facts({"current_period_end": odd, "items": odd, "plan": odd}).period_end_at in (
        None,
        datetime.fromtimestamp(5, UTC),
    )
    assert invoice_facts({"subscription": odd}).subscription_id is None
