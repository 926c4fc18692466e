"""Objects of the sandbox bear every field that the installed SDK declares as always there, and no unknown one.

The SDK's classes are Stripe's own description of its objects at the pinned API version: an annotation without
`Optional` is a field that Stripe always sends. Those it may leave out (`line_items`, `deleted`) are not asked for.
"""

import typing
from pathlib import Path
from typing import Any

import pytest
import stripe

from deploy.stripe_sandbox.domain.values import API_VERSION
from tests.integration.stripe_sandbox.conftest import Receiver, Running, running_sandbox, sdk_warning

pytestmark = sdk_warning

# What only a request for it brings along, and what only a transfer to another account has.
NOT_ALWAYS = {"deleted", "line_items", "refunds", "transfer"}


@pytest.fixture
async def sandbox(tmp_path: Path) -> Any:
    async with running_sandbox(tmp_path / "stripe.sqlite3", Receiver(url="http://127.0.0.1:9/hook")) as running:
        yield running


def declared(kind: type[stripe.StripeObject]) -> tuple[set[str], set[str]]:
    """All fields of an SDK class, and those of them that are always there."""
    hints = {
        name: hint
        for owner in kind.__mro__
        if owner.__module__.startswith("stripe.") and owner not in (stripe.StripeObject,)
        for name, hint in vars(owner).get("__annotations__", {}).items()
        if not name.startswith("_") and typing.get_origin(hint) is not typing.ClassVar
    }
    always = {name for name, hint in hints.items() if type(None) not in typing.get_args(hint)}
    return set(hints), {name for name in always if "ClassVar" not in str(hints[name])} - NOT_ALWAYS


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
    parts = [won.evidence, won.evidence_details, won.payment_method_details.card]
    return [refund, failed, dispute, won, payout, await client.balance.retrieve_async(), *transactions, *parts]


async def cards(sandbox: Running) -> list[Any]:
    """What saving a card leaves behind, and what 3-D Secure and late money do to payments."""
    client = sandbox.stripe.v1
    asks = {"payment_method": "pm_card_authenticationRequired", "confirm": True, "return_url": "http://127.0.0.1:9/"}
    setup = await client.setup_intents.create_async(asks)
    await sandbox.http.post(setup.next_action.redirect_to_url.url, data={"outcome": "fail"})
    unset = await client.setup_intents.retrieve_async(setup.id)
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
    parts = [
        setup.next_action,
        intent.next_action,
        unset.last_setup_error,
        failed.last_payment_error,
    ]
    return [setup, unset, intent, failed, charge, later, session, saved, saved.setup_intent, *parts]


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


async def test_objects_have_stripes_fields(sandbox: Running) -> None:
    for found in await objects(sandbox):
        known, always = declared(type(found))
        names = set(found.to_dict())
        assert always, f"the SDK declares nothing of {type(found).__name__}"
        assert always - names == set(), f"{type(found).__name__} lacks fields"
        assert names - known == set(), f"{type(found).__name__} has fields that Stripe does not know"


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
