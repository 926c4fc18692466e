"""Subscriptions by the real SDK: begun, refused, changed, canceled; a year of them, by the clock."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning

pytestmark = sdk_warning

DAY = 24 * 3600


async def price_of(sandbox: Running, amount: int = 2500, interval: str = "month") -> Any:
    return await sandbox.stripe.v1.prices.create_async(
        {
            "currency": "usd",
            "unit_amount": amount,
            "recurring": {"interval": interval},
            "product_data": {"name": "Pro"},
        }
    )


async def customer_with(sandbox: Running, number: str = "4242424242424242") -> Any:
    """A customer whose default card is this one, whatever a bank would say to it."""
    customer = await sandbox.stripe.v1.customers.create_async({"name": "Ada", "email": "ada@example.org"})
    await change_card(sandbox, customer.id, number)
    return customer


async def change_card(sandbox: Running, customer_id: str, number: str) -> None:
    answer = await sandbox.http.post(f"{sandbox.url}/test/customers/{customer_id}/card", json={"number": number})
    assert answer.status_code == 200, answer.text


async def subscribe(sandbox: Running, customer: Any, **more: Any) -> Any:
    items = more.pop("items", None) or [{"price": (await price_of(sandbox)).id}]
    return await sandbox.stripe.v1.subscriptions.create_async({"customer": customer.id, "items": items, **more})


async def advance(sandbox: Running, seconds: int) -> None:
    """Moves the clock, and waits until all that came of it was told."""
    await sandbox.http.post(f"{sandbox.url}/test/clock/advance", json={"seconds": seconds}, timeout=60)
    while (await sandbox.http.get(f"{sandbox.url}/test/delivery")).json()["deliveries"].get("pending"):
        await asyncio.sleep(0.02)


async def invoices_of(sandbox: Running, subscription: Any) -> list[Any]:
    """The oldest first."""
    found = await sandbox.stripe.v1.invoices.list_async({"subscription": subscription.id, "limit": 100})
    return list(reversed(found.data))


async def advance_to_renewal(sandbox: Running, subscription: Any, *, and_seconds: int = 0) -> None:
    """To the end of the present period, and on."""
    clock = (await sandbox.http.get(f"{sandbox.url}/test/clock")).json()
    await advance(sandbox, subscription["items"].data[0].current_period_end - clock["now"] + and_seconds)


async def now(sandbox: Running, subscription: Any) -> Any:
    return await sandbox.stripe.v1.subscriptions.retrieve_async(subscription.id)


async def test_subscription_begins_paid_and_says_so(sandbox: Running) -> None:
    customer = await customer_with(sandbox)
    begun = await subscribe(
        sandbox,
        customer,
        metadata={"plan": "pro"},
        expand=["latest_invoice.payments", "latest_invoice.confirmation_secret"],
    )
    invoice, item = begun.latest_invoice, begun["items"].data[0]
    assert (begun.status, invoice.status, invoice.amount_paid) == ("active", "paid", 2500)
    assert (invoice.parent.subscription_details.subscription, invoice.billing_reason) == (
        begun.id,
        "subscription_create",
    )
    assert 28 * DAY <= item.current_period_end - item.current_period_start <= 31 * DAY
    payment = invoice.payments.data[0]
    intent = await sandbox.stripe.v1.payment_intents.retrieve_async(payment.payment.payment_intent)
    assert (intent.status, intent.amount_received, invoice.confirmation_secret.client_secret) == (
        *("succeeded", 2500),
        intent.client_secret,
    )
    await eventually(lambda: sandbox.received.of("customer.subscription.updated"))
    told = [name for name in sandbox.received.types() if name.startswith(("customer.subscription", "invoice"))]
    assert told == [
        *("customer.subscription.created", "invoice.created", "invoice.finalized", "invoice_payment.paid"),
        *("invoice.paid", "invoice.payment_succeeded", "customer.subscription.updated"),
    ]
    assert sandbox.received.of("customer.subscription.created")[0].data.object.status == "incomplete"


async def test_refused_card_leaves_it_incomplete_and_it_expires(sandbox: Running) -> None:
    customer = await customer_with(sandbox, "4000000000000341")
    begun = await subscribe(sandbox, customer)
    assert begun.status == "incomplete"
    with pytest.raises(stripe.CardError):
        await subscribe(sandbox, customer, payment_behavior="error_if_incomplete")
    assert len((await sandbox.stripe.v1.subscriptions.list_async({"customer": customer.id})).data) == 1
    await advance(sandbox, 23 * 3600)
    assert (await now(sandbox, begun)).status == "incomplete_expired"
    assert [invoice.status for invoice in await invoices_of(sandbox, begun)] == ["void"]


async def test_bank_that_asks_leaves_the_first_payment_to_the_customer(sandbox: Running) -> None:
    customer = await customer_with(sandbox, "4000002760003184")
    begun = await subscribe(sandbox, customer, expand=["latest_invoice.payments"])
    intent_id = begun.latest_invoice.payments.data[0].payment.payment_intent
    intent = await sandbox.stripe.v1.payment_intents.retrieve_async(intent_id)
    assert (begun.status, intent.status) == ("incomplete", "requires_action")
    page = f"{sandbox.url}/c/3ds/{intent_id}"
    await sandbox.http.post(page, data={"outcome": "complete"})
    assert (await now(sandbox, begun)).status == "active"
    await eventually(lambda: sandbox.received.of("invoice.paid"))
    assert sandbox.received.of("invoice.payment_action_required")


async def test_year_of_renewals_keeps_the_anchor(sandbox: Running) -> None:
    customer = await customer_with(sandbox)
    begun = await subscribe(sandbox, customer)
    await advance_to_renewal(sandbox, begun, and_seconds=338 * DAY)
    found = await invoices_of(sandbox, begun)
    assert {invoice.status for invoice in found} == {"paid"}
    assert [invoice.billing_reason for invoice in found] == ["subscription_create"] + ["subscription_cycle"] * 12
    assert [invoice.number[-4:] for invoice in found] == [f"{number:04}" for number in range(1, 14)]
    periods = [(each.lines.data[0].period.start, each.lines.data[0].period.end) for each in found]
    assert all(before[1] == after[0] for before, after in pairwise(periods))
    assert periods[-1][1] == (await now(sandbox, begun))["items"].data[0].current_period_end
    assert all(each.status_transitions.paid_at - each.created == 3600 for each in found[1:])


async def test_failed_renewal_is_tried_again_and_recovers(sandbox: Running) -> None:
    customer = await customer_with(sandbox)
    begun = await subscribe(sandbox, customer)
    await change_card(sandbox, customer.id, "4000000000000341")
    await advance_to_renewal(sandbox, begun, and_seconds=3600)
    late = await now(sandbox, begun)
    invoice = (await invoices_of(sandbox, begun))[-1]
    assert (late.status, invoice.status, invoice.attempt_count) == ("past_due", "open", 1)
    assert invoice.next_payment_attempt - invoice.status_transitions.finalized_at == DAY
    assert (await sandbox.stripe.v1.customers.retrieve_async(customer.id)).delinquent
    await change_card(sandbox, customer.id, "4242424242424242")
    await advance(sandbox, DAY)
    invoice = (await invoices_of(sandbox, begun))[-1]
    assert ((await now(sandbox, begun)).status, invoice.status, invoice.attempt_count) == ("active", "paid", 2)
    await eventually(lambda: len(sandbox.received.of("invoice.paid")) == 2)
    assert len(sandbox.received.of("invoice.payment_failed")) == 1


async def test_last_failed_attempt_cancels(sandbox: Running) -> None:
    customer = await customer_with(sandbox)
    begun = await subscribe(sandbox, customer)
    await change_card(sandbox, customer.id, "4000000000000341")
    await advance_to_renewal(sandbox, begun, and_seconds=3600 + 5 * DAY)
    ended = await now(sandbox, begun)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    invoice = (await invoices_of(sandbox, begun))[-1]
    assert (invoice.attempt_count, invoice.next_payment_attempt, invoice.status) == (4, None, "open")


async def test_cancel_at_period_end_and_at_once(sandbox: Running) -> None:
    subscriptions = sandbox.stripe.v1.subscriptions
    customer = await customer_with(sandbox)
    first, second = await subscribe(sandbox, customer), await subscribe(sandbox, customer)
    await subscriptions.update_async(first.id, {"cancel_at_period_end": True})
    undone = await subscriptions.update_async(first.id, {"cancel_at_period_end": False})
    assert (undone.cancel_at, undone.canceled_at) == (None, None)
    planned = await subscriptions.update_async(first.id, {"cancel_at_period_end": True})
    end = planned["items"].data[0].current_period_end
    assert (planned.status, planned.cancel_at) == ("active", end)
    gone = await subscriptions.cancel_async(second.id, {"prorate": True, "invoice_now": True})
    assert gone.status == "canceled"
    assert (await sandbox.stripe.v1.customers.retrieve_async(customer.id)).balance == -2500
    await advance(sandbox, 32 * DAY)
    ended = await now(sandbox, first)
    assert (ended.status, ended.ended_at, len(await invoices_of(sandbox, first))) == ("canceled", end, 1)


async def test_change_of_plan_is_prorated_as_previewed(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    begun = await subscribe(sandbox, await customer_with(sandbox))
    dear = await price_of(sandbox, 5000)
    await advance(sandbox, 10 * DAY)
    items = [{"id": begun["items"].data[0].id, "price": dear.id, "quantity": 2}]
    at = int((await sandbox.http.get(f"{sandbox.url}/test/clock")).json()["now"])
    details = {"items": items, "proration_behavior": "always_invoice", "proration_date": at}
    preview = await client.invoices.create_preview_async({"subscription": begun.id, "subscription_details": details})
    changed = await client.subscriptions.update_async(begun.id, {**details, "expand": ["latest_invoice"]})
    made = changed.latest_invoice
    assert [line.amount for line in made.lines.data] == [line.amount for line in preview.lines.data]
    assert (made.billing_reason, made.status, made.amount_paid) == ("subscription_update", "paid", preview.amount_due)
    assert 0 < made.amount_paid < 7500
    assert changed["items"].data[0].current_period_end == begun["items"].data[0].current_period_end


async def test_trial_ends_in_a_charge(sandbox: Running) -> None:
    begun = await subscribe(sandbox, await customer_with(sandbox), trial_period_days=14, expand=["latest_invoice"])
    assert (begun.status, begun.latest_invoice.amount_due, begun.latest_invoice.status) == ("trialing", 0, "paid")
    await advance(sandbox, 14 * DAY + 3600)
    found = await invoices_of(sandbox, begun)
    assert ((await now(sandbox, begun)).status, found[-1].amount_paid) == ("active", 2500)
    await eventually(lambda: sandbox.received.of("customer.subscription.trial_will_end"))


async def test_trial_without_a_card_pauses_until_it_is_resumed(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"name": "Ada"})
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    begun = await subscribe(sandbox, customer, trial_period_days=2, trial_settings=settings)
    await advance(sandbox, 2 * DAY)
    assert (await now(sandbox, begun)).status == "paused"
    await change_card(sandbox, customer.id, "4242424242424242")
    resumed = await client.subscriptions.resume_async(begun.id, {"expand": ["latest_invoice"]})
    assert (resumed.status, resumed.latest_invoice.amount_paid) == ("active", 2500)
    await eventually(lambda: sandbox.received.of("customer.subscription.resumed"))
    assert sandbox.received.of("customer.subscription.paused")


async def test_paused_collection_renews_without_money(sandbox: Running) -> None:
    begun = await subscribe(sandbox, await customer_with(sandbox))
    update = {"pause_collection": {"behavior": "void"}}
    await sandbox.stripe.v1.subscriptions.update_async(begun.id, update)
    await advance_to_renewal(sandbox, begun, and_seconds=3600)
    assert ((await now(sandbox, begun)).status, (await invoices_of(sandbox, begun))[-1].status) == ("active", "void")
    again = await sandbox.stripe.v1.subscriptions.update_async(begun.id, {"pause_collection": ""})
    assert again.pause_collection is None


async def test_items_come_and_go_and_the_next_invoice_says_what_that_cost(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    begun = await subscribe(sandbox, await customer_with(sandbox))
    await advance(sandbox, 5 * DAY)
    seats = await client.subscription_items.create_async(
        {"subscription": begun.id, "price": (await price_of(sandbox, 300)).id, "quantity": 4}
    )
    await client.subscription_items.update_async(seats.id, {"quantity": 6})
    preview = await client.invoices.create_preview_async({"subscription": begun.id})
    await advance_to_renewal(sandbox, begun, and_seconds=3600)
    made = (await invoices_of(sandbox, begun))[-1]
    assert [line.amount for line in made.lines.data] == [line.amount for line in preview.lines.data]
    assert (made.total, made.lines.data[-1].amount) == (preview.total, 1800)
    await client.subscription_items.delete_async(seats.id, {"proration_behavior": "none"})
    assert len((await client.subscription_items.list_async({"subscription": begun.id})).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        await client.subscription_items.delete_async(begun["items"].data[0].id)


async def test_deleted_customers_subscriptions_end(sandbox: Running) -> None:
    begun = await subscribe(sandbox, await customer_with(sandbox))
    intents = (await sandbox.stripe.v1.payment_intents.list_async()).data
    with pytest.raises(stripe.InvalidRequestError, match="created by an Invoice"):
        await sandbox.stripe.v1.payment_intents.cancel_async(intents[0].id)
    found = await sandbox.stripe.v1.customers.retrieve_async(begun.customer, {"expand": ["subscriptions"]})
    assert [each.id for each in found.subscriptions.data] == [begun.id]
    await sandbox.stripe.v1.customers.delete_async(begun.customer)
    assert (await now(sandbox, begun)).status == "canceled"
    await advance(sandbox, 32 * DAY)
    assert len(await invoices_of(sandbox, begun)) == 1


async def test_void_invoice_takes_its_payment_with_it(sandbox: Running) -> None:
    customer = await customer_with(sandbox, "4000002760003184")
    begun = await subscribe(sandbox, customer, expand=["latest_invoice.payments"])
    intent_id = begun.latest_invoice.payments.data[0].payment.payment_intent
    await sandbox.stripe.v1.invoices.void_invoice_async(begun.latest_invoice.id)
    await sandbox.http.post(f"{sandbox.url}/c/3ds/{intent_id}", data={"outcome": "complete"})
    intent = await sandbox.stripe.v1.payment_intents.retrieve_async(intent_id)
    payments = await sandbox.stripe.v1.invoice_payments.list_async({"invoice": begun.latest_invoice.id})
    assert (intent.status, intent.amount_received, payments.data[0].status) == ("canceled", 0, "canceled")
    with pytest.raises(stripe.InvalidRequestError):
        await sandbox.stripe.v1.invoices.pay_async(begun.latest_invoice.id)


async def test_invoice_is_paid_by_hand_refused_by_hand_or_forgiven(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    customer = await customer_with(sandbox, "4000000000000341")
    begun = await subscribe(sandbox, customer, payment_behavior="default_incomplete")
    with pytest.raises(stripe.CardError, match="declined"):
        await client.invoices.pay_async(begun.latest_invoice)
    elsewhere = await client.invoices.pay_async(begun.latest_invoice, {"paid_out_of_band": True})
    assert (elsewhere.status, elsewhere.amount_paid_off_stripe, (await now(sandbox, begun)).status) == (
        *("paid", 2500),
        "active",
    )
    await advance_to_renewal(sandbox, begun)
    draft = (await invoices_of(sandbox, begun))[-1]
    assert (draft.status, draft.automatically_finalizes_at - draft.created) == ("draft", 3600)
    final = await client.invoices.finalize_invoice_async(draft.id, {"auto_advance": False})
    given_up = await client.invoices.mark_uncollectible_async(draft.id)
    assert (final.status, final.attempt_count, given_up.status) == ("open", 0, "uncollectible")


async def test_card_that_completes_the_first_payment_is_kept_where_asked(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"name": "Ada"})
    begun = await subscribe(
        sandbox,
        customer,
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
        expand=["latest_invoice.payments"],
    )
    intent_id = begun.latest_invoice.payments.data[0].payment.payment_intent
    await client.payment_intents.confirm_async(intent_id, {"payment_method": "pm_card_visa"})
    active = await now(sandbox, begun)
    method = await client.payment_methods.retrieve_async(active.default_payment_method)
    assert (active.status, method.customer) == ("active", customer.id)
    await advance_to_renewal(sandbox, begun, and_seconds=3600)
    assert [invoice.status for invoice in await invoices_of(sandbox, begun)] == ["paid", "paid"]
