"""Checkout with a card whose money is on its way when the session is complete."""

import pytest

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning

pytestmark = sdk_warning

PAYS_LATER = "4000000000008088"


@pytest.mark.parametrize(
    ("outcome", "session_paid", "intent_status", "charge_status"),
    [("succeeded", "paid", "succeeded", "succeeded"), ("failed", "unpaid", "requires_payment_method", "failed")],
)
async def test_money_comes_or_fails_after_the_session_is_complete(
    sandbox: Running, outcome: str, session_paid: str, intent_status: str, charge_status: str
) -> None:
    client = sandbox.stripe.v1
    session = await sandbox.session()
    url = f"{sandbox.url}/test/sessions/{session.id}/async"
    assert (await sandbox.http.post(url, json={"outcome": outcome})).status_code == 400
    assert (await sandbox.pay(session, PAYS_LATER)).status_code == 303
    waiting = await client.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    intent = waiting.payment_intent
    assert (intent.status, intent.amount_received, intent.latest_charge.status) == ("processing", 0, "pending")
    assert intent.latest_charge.balance_transaction is None
    assert (await sandbox.http.post(url, json={"outcome": "maybe"})).status_code == 400

    assert (await sandbox.http.post(url, json={"outcome": outcome})).status_code == 200
    after = await client.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (after.status, after.payment_status, after.payment_intent.status) == (
        "complete",
        session_paid,
        intent_status,
    )
    charge = after.payment_intent.latest_charge
    assert (charge.id, charge.status) == (intent.latest_charge.id, charge_status)
    assert (charge.balance_transaction is not None) is (outcome == "succeeded")
    assert (await sandbox.http.post(url, json={"outcome": outcome})).status_code == 400
    (told,) = await eventually(lambda: sandbox.received.of(f"checkout.session.async_payment_{outcome}"))
    assert told.data.object.payment_status == session_paid
    (completed,) = sandbox.received.of("checkout.session.completed")
    assert completed.data.object.payment_status == "unpaid"
    assert len(sandbox.received.of("payment_intent.processing")) == 1
