"""Cards that are saved: setup intents, checkout in setup mode, defaults, detaching, the control over cards."""

from typing import Any

import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning

pytestmark = sdk_warning

BACK = "http://127.0.0.1:9/back"


async def setup_session(sandbox: Running, **more: Any) -> Any:
    return await sandbox.stripe.v1.checkout.sessions.create_async(
        {"mode": "setup", "success_url": "http://127.0.0.1:9/saved?session={CHECKOUT_SESSION_ID}", **more}
    )


async def test_setup_intent_saves_a_card_with_its_customer(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"name": "Ada"})
    setup = await client.setup_intents.create_async({"customer": customer.id})
    assert (setup.status, setup.usage) == ("requires_payment_method", "off_session")
    assert setup.client_secret.startswith(f"{setup.id}_secret_")
    done = await client.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_visa"})

    assert done.status == "succeeded"
    listed = await client.customers.payment_methods.list_async(customer.id)
    assert [method.id for method in listed.data] == [done.payment_method]
    one = await client.customers.payment_methods.retrieve_async(customer.id, done.payment_method)
    assert one.card.last4 == "4242"
    found = await client.setup_intents.list_async({"customer": customer.id})
    assert [one.id for one in found.data] == [setup.id]
    types = [event.type for event in (await client.events.list_async()).data]
    assert types == [
        "setup_intent.succeeded",
        "payment_method.attached",
        "setup_intent.created",
        "customer.created",
    ]
    for verb in (client.setup_intents.confirm_async, client.setup_intents.cancel_async):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await verb(setup.id)
        assert refused.value.code == "setup_intent_unexpected_state"


async def test_card_that_the_bank_refuses_is_not_saved(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    setup = await client.setup_intents.create_async({})
    with pytest.raises(stripe.CardError) as refused:
        await client.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_chargeDeclined"})

    assert refused.value.error is not None
    assert refused.value.error.setup_intent.status == "requires_payment_method"
    after = await client.setup_intents.retrieve_async(setup.id)
    assert after.last_setup_error.code == "card_declined"
    canceled = await client.setup_intents.cancel_async(setup.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    await eventually(lambda: sandbox.received.of("setup_intent.canceled"))
    assert sandbox.received.of("setup_intent.setup_failed")


async def test_failed_authentication_saves_nothing(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"name": "Ada"})
    waiting = await client.setup_intents.create_async(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
            "return_url": BACK,
        }
    )
    answer = await sandbox.http.post(waiting.next_action.redirect_to_url.url, data={"outcome": "fail"})

    assert f"setup_intent={waiting.id}" in answer.headers["location"]
    after = await client.setup_intents.retrieve_async(waiting.id)
    assert after.last_setup_error.code == "setup_intent_authentication_failure"
    (attempt,) = (await client.setup_attempts.list_async({"setup_intent": waiting.id})).data
    assert (attempt.id, attempt.status) == (after.latest_attempt, "failed")
    assert (await client.customers.payment_methods.list_async(customer.id)).data == []


@pytest.mark.parametrize("number", ["4242424242424242", "4000002760003184"])
async def test_checkout_in_setup_mode_saves_a_card_and_takes_nothing(sandbox: Running, number: str) -> None:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"email": "ada@example.com"})
    session = await setup_session(sandbox, customer=customer.id, setup_intent_data={"metadata": {"account": "acct_1"}})
    assert (session.mode, session.payment_status, session.amount_total) == ("setup", "no_payment_required", None)
    assert "Save a card" in (await sandbox.http.get(session.url)).text
    assert (await sandbox.pay(session, "4000000000000002")).status_code == 402
    answer = await sandbox.pay(session, number)
    if "/c/3ds/" in answer.headers["location"]:
        answer = await sandbox.http.post(answer.headers["location"], data={"outcome": "complete"})

    assert answer.headers["location"] == f"http://127.0.0.1:9/saved?session={session.id}"
    done = await client.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent.payment_method"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "no_payment_required", None)
    assert (done.setup_intent.status, done.setup_intent.metadata["account"]) == ("succeeded", "acct_1")
    assert done.setup_intent.payment_method.customer == customer.id
    assert (await client.charges.list_async()).data == []
    await eventually(lambda: sandbox.received.of("checkout.session.completed"))


async def test_expired_setup_session_cancels_its_setup_intent(sandbox: Running) -> None:
    session = await setup_session(sandbox)
    with pytest.raises(stripe.InvalidRequestError, match="created by Checkout"):
        await sandbox.stripe.v1.setup_intents.cancel_async(session.setup_intent)
    await sandbox.stripe.v1.checkout.sessions.expire_async(session.id)
    setup = await sandbox.stripe.v1.setup_intents.retrieve_async(session.setup_intent)
    assert (setup.status, setup.cancellation_reason) == ("canceled", "abandoned")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, "line_items"),
        ({"payment_intent_data": {"description": "x"}}, "payment_intent_data"),
        ({"mode": "subscription"}, "line_items"),
        ({"currency": "xyz"}, "currency"),
    ],
)
async def test_parameters_of_another_mode_are_refused(sandbox: Running, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await setup_session(sandbox, **wrong)
    assert refused.value.param == param


async def test_default_must_be_the_customers_own_and_goes_when_it_is_detached(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"name": "Ada"})
    other = await client.customers.create_async(
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    )
    method = other.invoice_settings.default_payment_method
    assert method.startswith("pm_1")
    settings: Any = {"invoice_settings": {"default_payment_method": method}}
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        await client.customers.update_async(customer.id, settings)
    with pytest.raises(stripe.InvalidRequestError, match="belongs to the Customer"):
        await client.payment_intents.create_async({"amount": 500, "currency": "usd", "payment_method": method})

    await client.payment_methods.detach_async(method)
    after = await client.customers.retrieve_async(other.id)
    assert after.invoice_settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await client.payment_methods.attach_async(method, {"customer": customer.id})
    await eventually(lambda: sandbox.received.of("customer.updated"))


async def test_deleted_customer_leaves_no_usable_card(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"payment_method": "pm_card_visa"})
    (method,) = (await client.payment_methods.list_async({"customer": customer.id})).data
    assert (await client.customers.delete_async(customer.id)).deleted is True
    assert (await client.payment_methods.retrieve_async(method.id)).customer is None
    await eventually(lambda: sandbox.received.of("customer.deleted"))
    assert sandbox.received.of("payment_method.detached")


async def test_control_replaces_the_default_card(sandbox: Running) -> None:
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"payment_method": "pm_card_visa"})
    (before,) = (await client.payment_methods.list_async({"customer": customer.id})).data
    url = f"{sandbox.url}/test/customers/{customer.id}/card"
    answer = await sandbox.http.post(url, json={"number": "4000000000009995"})

    assert answer.status_code == 200
    method = answer.json()["invoice_settings"]["default_payment_method"]
    listed = await client.payment_methods.list_async({"customer": customer.id})
    assert [one.id for one in listed.data] == [method]
    with pytest.raises(stripe.CardError) as refused:
        await client.payment_intents.create_async(
            {
                "amount": 500,
                "currency": "usd",
                "customer": customer.id,
                "payment_method": method,
                "confirm": True,
                "off_session": True,
            }
        )
    assert refused.value.error is not None
    assert refused.value.error.decline_code == "insufficient_funds"
    await eventually(lambda: sandbox.received.of("payment_method.detached"))
    assert sandbox.received.of("payment_method.detached")[0].data.object.id == before.id
    for body in ({"number": "4242"}, {"number": 4242}, {}, {"number": "4242424242424242", "x": 1}):
        assert (await sandbox.http.post(url, json=body)).status_code == 400
    assert (
        await sandbox.http.post(f"{sandbox.url}/test/customers/cus_none/card", json={"number": "1"})
    ).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"off_session": True}, {"confirm": True, "off_session": True, "setup_future_usage": "off_session"}],
)
async def test_off_session_is_for_confirming_a_card_that_is_saved_already(
    sandbox: Running, wrong: dict[str, Any]
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await sandbox.stripe.v1.payment_intents.create_async(
            {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", **wrong}
        )
    assert refused.value.param == "off_session"
