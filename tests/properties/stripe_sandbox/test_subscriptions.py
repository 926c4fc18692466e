"""Subscriptions by chance: whatever is asked of one, in whatever order and with whatever card, time goes on, the money
agrees with the invoices, and no period is invoiced twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.domain import authentication, cards, catalogue
from deploy.stripe_sandbox.domain.cards import Card, CardDetails
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.settings import Settings
from deploy.stripe_sandbox.store.store import Store
from deploy.stripe_sandbox.use_cases import (
    authentication as bank,
)
from deploy.stripe_sandbox.use_cases import (
    customers,
    invoicing,
    payment_methods,
    previews,
    subscription_changes,
    subscriptions,
)
from deploy.stripe_sandbox.use_cases.turn import Turn

HOUR = 3600
DAY = 24 * HOUR
NUMBERS = ("4242424242424242", "4000000000000341", "4000002760003184", "4000002500003155", "4000000000008088")
PRICES = ((2500, "month"), (4000, "month"), (0, "month"), (20_000, "year"), (700, "week"))
PRORATIONS = ("create_prorations", "always_invoice", "none")

CHANGES = st.one_of(
    st.fixed_dictionaries(
        {"price": st.integers(0, len(PRICES) - 1), "quantity": st.integers(1, 3)},
        optional={"proration_behavior": st.sampled_from(PRORATIONS), "billing_cycle_anchor": st.just("now")},
    ),
    st.fixed_dictionaries({"cancel_at_period_end": st.booleans()}),
    st.fixed_dictionaries({"trial_end": st.just("now")}),
    st.fixed_dictionaries(
        {
            "pause_collection": st.sampled_from(
                [None, *({"behavior": word} for word in ("void", "keep_as_draft", "mark_uncollectible"))]
            )
        }
    ),
)
STEPS = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from([HOUR, DAY, 6 * DAY, 31 * DAY])),
    st.tuples(st.just("advance"), st.just(31 * DAY)),
    st.tuples(st.just("bank"), st.sampled_from(authentication.OUTCOMES)),
    st.tuples(st.just("card"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("change"), CHANGES),
    st.tuples(st.sampled_from(["pay", "void", "mark_uncollectible", "finalize", "resume", "preview"]), st.none()),
    st.tuples(st.just("cancel"), st.fixed_dictionaries({"prorate": st.booleans(), "invoice_now": st.booleans()})),
)
BEGINNINGS = st.fixed_dictionaries(
    {}, optional={"trial_period_days": st.just(5), "payment_behavior": st.just("default_incomplete")}
)


@contextmanager
def opened() -> Iterator[Sandbox]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.sqlite3"
        store = Store(path)
        yield Sandbox(Settings(data_file=path, public_url="http://127.0.0.1:9"), store)
        store.close()


def card_of(turn: Turn, number: str) -> Card:
    found = cards.read_card(CardDetails(number, "12", "2060", cvc=None), now=turn.now, salt=turn.salt)
    assert isinstance(found, Card)
    return found


def begun(turn: Turn, number: str, how: Json) -> tuple[Json, list[Json]]:
    """A customer's subscription to the first of the prices."""
    product = catalogue.new_product(turn.new_id("product"), given={"name": "Pro"}, now=turn.now, active=True)
    turn.store.objects.insert(product)
    prices = []
    for amount, interval in PRICES:
        asked = {"currency": "usd", "recurring": {"interval": interval}}
        price = catalogue.new_price(
            turn.new_id("price"), given=asked, product_id=product["id"], amount_minor=amount, now=turn.now, active=True
        )
        turn.store.objects.insert(price)
        prices.append(price)
    customer = customers.create_customer(turn, {"name": "Ada"})
    payment_methods.replace_default(turn, customer, card_of(turn, number))
    items = [{"price": prices[0]["id"]}]
    return subscriptions.create(turn, {"customer": customer["id"], "items": items, **how}), prices


def act(turn: Turn, subscription: Json, prices: list[Json], verb: str, asked: Any) -> None:
    on_invoice: dict[str, Callable[[Turn, Json], object]] = {
        "void": invoicing.void,
        "mark_uncollectible": invoicing.mark_uncollectible,
        "finalize": invoicing.finalize,
        "pay": pay,
    }
    if verb in on_invoice:
        on_invoice[verb](turn, turn.find("invoice", subscription["latest_invoice"]))
    elif verb == "bank":
        ask_bank(turn, subscription, asked)
    elif verb == "card":
        customer = turn.find("customer", subscription["customer"])
        payment_methods.replace_default(turn, customer, card_of(turn, asked))
    elif verb == "change":
        subscription_changes.change(turn, subscription, as_given(subscription, prices, asked))
    elif verb == "cancel":
        subscriptions.cancel(turn, subscription, asked)
    elif verb == "resume":
        subscriptions.resume(turn, subscription, {})
    else:
        previews.upcoming(turn, subscription)


def ask_bank(turn: Turn, subscription: Json, outcome: str) -> None:
    """The bank's page of the latest invoice's intent, whether or not it waits for an answer."""
    for payment in turn.store.objects.with_value("invoice_payment", "invoice", subscription["latest_invoice"]):
        found = bank.visit(turn, payment["payment"]["payment_intent"])
        assert found is not None
        bank.answer(turn, found, outcome)


def pay(turn: Turn, invoice: Json) -> None:
    method = invoicing.default_method(turn, invoice)
    assert method is not None
    invoicing.collect(turn, invoice, method)


def as_given(subscription: Json, prices: list[Json], asked: Json) -> Json:
    """The parameters of an update."""
    given = {name: value for name, value in asked.items() if name not in ("price", "quantity")}
    if "price" not in asked:
        return given
    item = {"id": subscription["items"]["data"][0]["id"], "price": prices[asked["price"]]["id"]}
    return {**given, "items": [{**item, "quantity": asked["quantity"]}]}


def check(sandbox: Sandbox, subscription_id: str) -> None:
    objects = sandbox.store.objects
    subscription = objects.get("subscription", subscription_id)
    assert subscription is not None
    invoices = objects.with_value("invoice", "customer", subscription["customer"])
    charges = objects.with_value("charge", "customer", subscription["customer"])
    paid = sum(invoice["amount_paid"] for invoice in invoices if invoice["status"] == "paid")
    assert paid == sum(charge["amount_captured"] for charge in charges if charge["status"] == "succeeded")
    for invoice in invoices:
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])
        payments = objects.with_value("invoice_payment", "invoice", invoice["id"])
        assert len(payments) <= 1
        if invoice["status"] == "open":
            intent = objects.get("payment_intent", payments[0]["payment"]["payment_intent"])
            assert intent is not None
            assert (intent["amount"], intent["status"] != "canceled") == (invoice["amount_due"], True)
    customer = objects.get("customer", subscription["customer"])
    assert customer is not None
    # What was invoiced and not charged stands in the balance, and nothing else does.
    final = [each for each in invoices if each["status"] not in ("draft", "void")]
    assert customer["balance"] == sum(each["total"] - each["amount_due"] for each in final)
    # A renewal's period begins where none has begun; only a change that begins anew may overlap one, and credits it.
    starts = [
        line["period"]["start"]
        for invoice in invoices
        if invoice["billing_reason"] == "subscription_cycle"
        for line in invoice["lines"]["data"]
        if not line["parent"]["subscription_item_details"]["proration"]
    ]
    assert starts == sorted(set(starts))


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(number=st.sampled_from(NUMBERS), how=BEGINNINGS, steps=st.lists(STEPS, min_size=4, max_size=14))
def test_time_goes_on_and_money_agrees_with_invoices(number: str, how: Json, steps: list[tuple[str, Any]]) -> None:
    with opened() as sandbox:
        with sandbox.store.transaction():
            subscription, prices = begun(sandbox.turn(), number, how)
        for verb, asked in steps:
            if verb == "advance":
                clockwork.advance(sandbox, asked)
            else:
                with suppress(StripeError), sandbox.store.transaction():
                    present = sandbox.turn().find("subscription", subscription["id"])
                    act(sandbox.turn(), present, prices, verb, asked)
            check(sandbox, subscription["id"])
