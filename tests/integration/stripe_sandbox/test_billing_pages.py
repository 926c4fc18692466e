"""What a subscriber does without the platform: the invoice's page and the billing portal; and how retries are set."""

from typing import Any

import pytest

from tests.integration.stripe_sandbox.conftest import Running, sdk_warning
from tests.integration.stripe_sandbox.test_subscriptions import (
    DAY,
    advance,
    advance_to_renewal,
    change_card,
    customer_with,
    invoices_of,
    now,
    subscribe,
)

pytestmark = sdk_warning

CARD = {"number": "4242424242424242", "exp": "12/40", "cvc": "123", "name": "Ada"}
DECLINED = {**CARD, "number": "4000000000000002"}
ASKS = {**CARD, "number": "4000002500003155"}


async def late(sandbox: Running) -> Any:
    """A subscription whose renewal has failed once."""
    customer = await customer_with(sandbox)
    begun = await subscribe(sandbox, customer)
    await change_card(sandbox, customer.id, "4000000000000341")
    await advance_to_renewal(sandbox, begun, and_seconds=3600)
    return begun


async def test_open_invoice_is_paid_on_its_page(sandbox: Running) -> None:
    begun = await late(sandbox)
    invoice = (await invoices_of(sandbox, begun))[-1]
    assert "Pay 25.00 USD" in (await sandbox.http.get(invoice.hosted_invoice_url)).text
    refused = await sandbox.http.post(invoice.hosted_invoice_url, data=DECLINED)
    assert (refused.status_code, "declined" in refused.text) == (402, True)
    assert (await sandbox.http.post(invoice.hosted_invoice_url, data=CARD)).status_code == 303
    assert (await sandbox.http.post(invoice.hosted_invoice_url, data=CARD)).status_code == 303
    paid = (await invoices_of(sandbox, begun))[-1]
    assert ((await now(sandbox, begun)).status, paid.status, paid.amount_paid) == ("active", "paid", 2500)


async def test_portal_plans_the_end_takes_it_back_and_changes_the_card(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    begun = await subscribe(sandbox, await customer_with(sandbox))
    session = await client.billing_portal.sessions.create_async(
        {"customer": begun.customer, "return_url": "http://127.0.0.1:9/account"}
    )
    shown = await sandbox.http.get(session.url)
    assert (shown.status_code, "Pro" in shown.text, "http://127.0.0.1:9/account" in shown.text) == (200, True, True)
    for action, planned in (("cancel", True), ("keep", False)):
        await sandbox.http.post(session.url, data={"action": action, "subscription": begun.id})
        assert (await now(sandbox, begun)).cancel_at_period_end is planned
    assert (await sandbox.http.post(session.url, data={"action": "card", **DECLINED})).status_code == 402
    asked = await sandbox.http.post(session.url, data={"action": "card", **ASKS})
    await sandbox.http.post(asked.headers["location"], data={"outcome": "complete"})
    customer = await client.customers.retrieve_async(begun.customer)
    method = await client.payment_methods.retrieve_async(customer.invoice_settings.default_payment_method)
    assert method.card.last4 == "3155"
    assert (await sandbox.http.post(session.url, data={"action": "leap"})).status_code == 400
    await advance(sandbox, 3600)
    assert (await sandbox.http.get(session.url)).status_code == 404


@pytest.mark.parametrize(("then", "status"), [("unpaid", "unpaid"), ("past_due", "past_due"), ("cancel", "canceled")])
async def test_what_is_set_happens_after_the_last_attempt(sandbox: Running, then: str, status: str) -> None:
    answer = await sandbox.http.post(f"{sandbox.url}/test/dunning", json={"retry_days": [2], "then": then})
    assert answer.json() == {"retry_days": [2], "then": then}
    begun = await late(sandbox)
    assert (await now(sandbox, begun)).status == "past_due"
    await advance(sandbox, 2 * DAY)
    assert (await now(sandbox, begun)).status == status
    assert (await invoices_of(sandbox, begun))[-1].attempt_count == 2


@pytest.mark.parametrize("body", [{"retry_days": [3, 1]}, {"retry_days": [True]}, {"then": "forgive"}, {"days": []}])
async def test_senseless_retries_are_refused(sandbox: Running, body: dict[str, Any]) -> None:
    assert (await sandbox.http.post(f"{sandbox.url}/test/dunning", json=body)).status_code == 400
