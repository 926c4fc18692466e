"""Every kind of object that the sandbox makes is whole: Stripe's fields all, of the right types, and no others.

The contract says what the installed SDK declares, down to the innermost part; whatever passes between the SDK and the
sandbox here is held to it by the fixture, too. To add a kind: make one below, and return it.
"""

from pathlib import Path
from typing import Any

import pytest
import stripe

from deploy.stripe_sandbox.domain.ids import SHAPES
from deploy.stripe_sandbox.domain.values import API_VERSION
from tests.integration.stripe_sandbox.conftest import Receiver, Running, running_sandbox, sdk_warning
from tests.support.stripe_contract import the_contract

pytestmark = sdk_warning

# Ids of these are given out, but they are no objects of their own in the API.
NO_OBJECTS = {"bank_account", "billing_portal.configuration", "request", "upcoming_invoice"}


@pytest.fixture
async def sandbox(tmp_path: Path) -> Any:
    async with running_sandbox(tmp_path / "stripe.sqlite3", Receiver(url="http://127.0.0.1:9/hook")) as running:
        yield running


async def money(sandbox: Running) -> list[Any]:
    """What comes after a payment: refunds, disputes, and the balance with its payouts."""
    client = sandbox.stripe.v1
    refund = await client.refunds.create_async(
        {"charge": await charge_of(sandbox, "4242424242424242"), "amount": 100, "expand": ["balance_transaction"]}
    )
    disputed = await charge_of(sandbox, "4000000000000259")
    dispute = (await client.disputes.list_async({"charge": disputed})).data[0]
    await sandbox.http.post(f"{sandbox.url}/test/disputes/{dispute.id}/close", json={"status": "won"})
    won = await client.disputes.retrieve_async(dispute.id)
    failing = await client.refunds.create_async({"charge": await charge_of(sandbox, "4000000000005126")})
    await charge_of(sandbox, "4242424242424242")
    await charge_of(sandbox, "4242424242424242", amount=2000)
    await sandbox.http.post(f"{sandbox.url}/test/clock/advance", json={"seconds": 3 * 24 * 3600})
    failed = await client.refunds.retrieve_async(failing.id, {"expand": ["failure_balance_transaction"]})
    payout = await client.payouts.create_async({"amount": 100, "currency": "usd", "expand": ["balance_transaction"]})
    transactions = [
        refund.balance_transaction,
        *won.balance_transactions,
        failed.failure_balance_transaction,
        payout.balance_transaction,
    ]
    return [refund, failed, dispute, won, payout, await client.balance.retrieve_async(), *transactions]


async def cards(sandbox: Running) -> list[Any]:
    """What saving a card leaves behind, and what 3-D Secure and late money do to payments."""
    client = sandbox.stripe.v1
    asks = {"payment_method": "pm_card_authenticationRequired", "confirm": True, "return_url": "http://127.0.0.1:9/"}
    setup = await client.setup_intents.create_async(asks)
    await sandbox.http.post(setup.next_action.redirect_to_url.url, data={"outcome": "fail"})
    unset = await client.setup_intents.retrieve_async(setup.id, {"expand": ["latest_attempt"]})
    again = await client.setup_intents.confirm_async(setup.id, {k: asks[k] for k in ("payment_method", "return_url")})
    await sandbox.http.post(again.next_action.redirect_to_url.url, data={"outcome": "complete"})
    attempts = await client.setup_attempts.list_async({"setup_intent": setup.id})
    intent = await client.payment_intents.create_async({"amount": 500, "currency": "usd", **asks})
    await sandbox.http.post(intent.next_action.redirect_to_url.url, data={"outcome": "complete"})
    charge = (await client.charges.list_async({"payment_intent": intent.id})).data[0]
    session = await client.checkout.sessions.create_async({"mode": "setup", "success_url": "http://127.0.0.1:9/"})
    await sandbox.pay(session)
    saved = await client.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent.payment_method"]})
    later = await client.charges.retrieve_async(await charge_of(sandbox, "4000000000008088"))
    refused = await client.payment_intents.create_async({"amount": 500, "currency": "usd", **asks})
    await sandbox.http.post(refused.next_action.redirect_to_url.url, data={"outcome": "fail"})
    failed = await client.payment_intents.retrieve_async(refused.id)
    return [setup, unset, intent, failed, charge, later, session, saved, saved.setup_intent, *attempts.data]


async def subscriptions(sandbox: Running) -> list[Any]:
    """A subscription with all that it leaves: items, invoices, lines, payments, what waits and what will come."""
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"name": "Ada", "payment_method": "pm_card_visa"})
    cards = await client.customers.payment_methods.list_async(customer.id)
    recurring = {"currency": "usd", "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    prices = [await client.prices.create_async({"unit_amount": amount, **recurring}) for amount in (1000, 2000)]
    begun = await client.subscriptions.create_async(
        {
            "customer": customer.id,
            "default_payment_method": cards.data[0].id,
            "expand": ["latest_invoice.payments", "latest_invoice.confirmation_secret"],
            "items": [{"price": prices[0].id}],
        }
    )
    await sandbox.http.post(f"{sandbox.url}/test/clock/advance", json={"seconds": 24 * 3600})
    item = begun["items"].data[0]
    changed = await client.subscription_items.update_async(item.id, {"price": prices[1].id})
    waiting = await client.invoice_items.list_async({"customer": customer.id})
    preview = await client.invoices.create_preview_async({"subscription": begun.id})
    trial = await client.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": prices[0].id}],
            "trial_period_days": 3,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        }
    )
    await sandbox.http.post(f"{sandbox.url}/test/clock/advance", json={"seconds": 3 * 24 * 3600})
    paused = await client.subscriptions.retrieve_async(trial.id, {"expand": ["latest_invoice"]})
    ended = await client.subscriptions.cancel_async(begun.id)
    invoice = begun.latest_invoice
    made = [invoice, *invoice.lines.data, *invoice.payments.data, *waiting.data, preview, *preview.lines.data]
    portal = await client.billing_portal.sessions.create_async({"customer": customer.id})
    return [portal, begun, item, changed, trial, paused, paused.latest_invoice, ended, *made]


async def charge_of(sandbox: Running, number: str, *, amount: int = 500) -> str:
    """The id of a charge that was paid with the card."""
    session = await sandbox.session(amount=amount)
    await sandbox.pay(session, number)
    paid = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    return str(paid.payment_intent.latest_charge)


async def objects(sandbox: Running) -> list[Any]:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"name": "Ada"})
    session = await sandbox.session(customer=customer.id)
    await sandbox.pay(session, "4000000000000002")
    await sandbox.pay(session)
    paid = await client.checkout.sessions.retrieve_async(
        session.id,
        {"expand": ["payment_intent.latest_charge.balance_transaction", "payment_intent.payment_method"]},
    )
    items = await client.checkout.sessions.line_items.list_async(session.id)
    product = await client.products.create_async({"name": "Credits"})
    events = await client.events.list_async()
    endpoints = await client.webhook_endpoints.list_async()
    intent = paid.payment_intent
    charge = intent.latest_charge
    return [
        *await money(sandbox),
        *await cards(sandbox),
        *await subscriptions(sandbox),
        customer,
        session,
        paid,
        intent,
        intent.payment_method,
        charge,
        charge.balance_transaction,
        items.data[0],
        items.data[0].price,
        product,
        events.data[0],
        endpoints.data[0],
    ]


async def test_every_kind_of_object_has_stripes_fields(sandbox: Running) -> None:
    made = [found.to_dict(for_json=True) for found in await objects(sandbox)]
    assert [told for found in made for told in the_contract().object(found)] == []
    assert set(SHAPES) - NO_OBJECTS - {found["object"] for found in made} == set(), "kinds that nobody looked at"


async def test_fields_that_the_platform_reads_are_typed(sandbox: Running) -> None:
    session = await sandbox.session()
    await sandbox.pay(session)
    paid = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id)

    assert {name: type(getattr(session, name)) for name in ("id", "url", "status", "payment_status")} == {
        "id": str,
        "url": str,
        "status": str,
        "payment_status": str,
    }
    assert (type(paid.amount_total), type(paid.expires_at), paid.livemode) == (int, int, False)
    assert (paid.currency, paid.customer, paid.payment_intent[:3]) == ("usd", None, "pi_")


def test_api_version_is_the_sdks() -> None:
    assert stripe.api_version is None or stripe.api_version == API_VERSION
    from stripe._api_version import _ApiVersion

    assert _ApiVersion.CURRENT == API_VERSION
