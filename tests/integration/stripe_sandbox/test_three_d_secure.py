"""3-D Secure: the bank's page between an intent and its money, with the customer there and without."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning

pytestmark = sdk_warning

BACK = "http://127.0.0.1:9/back"
ASKS_UNLESS_SET_UP = "4000002500003155"
ASKS_ALWAYS = "4000002760003184"


async def saved_card(sandbox: Running, name: str, *, outcome: str = "complete") -> tuple[Any, Any]:
    """A customer, and the setup intent that saved the ready-made card by way of the bank's page."""
    client = sandbox.stripe.v1
    customer = await client.customers.create_async({"name": "Ada"})
    setup = await client.setup_intents.create_async(
        {"customer": customer.id, "payment_method": name, "confirm": True, "return_url": BACK}
    )
    if setup.status == "requires_action":
        await answer_bank(sandbox, setup, outcome)
    return customer, await client.setup_intents.retrieve_async(setup.id)


async def answer_bank(sandbox: Running, intent: Any, outcome: str) -> httpx.Response:
    return await sandbox.http.post(intent.next_action.redirect_to_url.url, data={"outcome": outcome})


async def charge(sandbox: Running, customer: Any, method: str, **more: Any) -> Any:
    return await sandbox.stripe.v1.payment_intents.create_async(
        {
            "amount": 1000,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": method,
            "confirm": True,
            "off_session": True,
            **more,
        }
    )


async def test_payment_waits_for_the_bank_and_is_made_once(sandbox: Running) -> None:
    intents = sandbox.stripe.v1.payment_intents
    intent = await intents.create_async(
        {
            "amount": 1000,
            "currency": "usd",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": BACK,
        }
    )
    assert (intent.status, intent.latest_charge, intent.amount_received) == ("requires_action", None, 0)
    page = await sandbox.http.get(intent.next_action.redirect_to_url.url)
    assert page.status_code == 200
    assert "TEST MODE" in page.text
    assert "10.00 USD" in page.text
    assert "form-action 'self' http://127.0.0.1:9;" in page.headers["content-security-policy"]

    answers = [await answer_bank(sandbox, intent, outcome) for outcome in ("complete", "complete", "fail")]
    assert {answer.status_code for answer in answers} == {303}
    told = [parse_qs(urlsplit(answer.headers["location"]).query)["redirect_status"] for answer in answers]
    assert told == [["succeeded"]] * 3
    done = await intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert (done.status, done.amount_received, done.next_action) == ("succeeded", 1000, None)
    assert done.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"
    assert len((await sandbox.stripe.v1.charges.list_async()).data) == 1
    await eventually(lambda: sandbox.received.of("payment_intent.succeeded"))
    assert len(sandbox.received.of("payment_intent.requires_action")) == 1


async def test_failed_authentication_charges_nothing_and_another_card_pays(sandbox: Running) -> None:
    intents = sandbox.stripe.v1.payment_intents
    intent = await intents.create_async({"amount": 1000, "currency": "usd"})
    waiting = await intents.confirm_async(
        intent.id, {"payment_method": "pm_card_threeDSecure2Required", "return_url": BACK}
    )
    answer = await answer_bank(sandbox, waiting, "fail")

    assert "redirect_status=failed" in answer.headers["location"]
    failed = await intents.retrieve_async(intent.id)
    assert (failed.status, failed.payment_method) == ("requires_payment_method", None)
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert (await sandbox.stripe.v1.charges.list_async()).data == []
    await eventually(lambda: sandbox.received.of("payment_intent.payment_failed"))
    assert (await intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})).status == "succeeded"


async def test_bank_that_says_yes_may_still_lack_the_money(sandbox: Running) -> None:
    intents = sandbox.stripe.v1.payment_intents
    name = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
    intent = await intents.create_async(
        {"amount": 1000, "currency": "usd", "payment_method": name, "confirm": True, "return_url": BACK}
    )
    assert "redirect_status=failed" in (await answer_bank(sandbox, intent, "complete")).headers["location"]
    after = await intents.retrieve_async(intent.id)
    assert after.last_payment_error.decline_code == "insufficient_funds"


async def test_card_set_up_once_pays_without_its_customer(sandbox: Running) -> None:
    customer, setup = await saved_card(sandbox, "pm_card_authenticationRequiredOnSetup")
    assert (setup.status, setup.usage) == ("succeeded", "off_session")
    done = await charge(sandbox, customer, setup.payment_method)
    assert (done.status, done.amount_received) == ("succeeded", 1000)

    again = await charge(sandbox, customer, setup.payment_method, off_session=False, return_url=BACK)
    assert again.status == "requires_action"


@pytest.mark.parametrize("by_setup", [True, False])
async def test_charge_that_needs_its_customer_is_refused_and_made_on_session(sandbox: Running, by_setup: bool) -> None:
    client = sandbox.stripe.v1
    if by_setup:
        customer, setup = await saved_card(sandbox, "pm_card_authenticationRequired")
        method = setup.payment_method
    else:  # attached, but never set up
        customer = await client.customers.create_async({"name": "Ada"})
        name = "pm_card_authenticationRequiredOnSetup"
        method = (await client.payment_methods.attach_async(name, {"customer": customer.id})).id
    with pytest.raises(stripe.CardError) as refused:
        await charge(sandbox, customer, method)

    assert (refused.value.http_status, refused.value.code) == (402, "authentication_required")
    error = refused.value.error
    assert error is not None
    assert (error.decline_code, error.payment_method.id) == ("authentication_required", method)
    intent = error.payment_intent
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", "authentication_required")
    failed = await client.charges.retrieve_async(error.charge)
    assert (failed.status, failed.failure_code) == ("failed", "authentication_required")

    waiting = await client.payment_intents.confirm_async(intent.id, {"payment_method": method, "return_url": BACK})
    assert waiting.status == "requires_action"
    await answer_bank(sandbox, waiting, "complete")
    assert (await client.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_caller_who_cannot_handle_the_bank_is_refused_at_once(sandbox: Running) -> None:
    with pytest.raises(stripe.CardError) as refused:
        await sandbox.stripe.v1.payment_intents.create_async(
            {
                "amount": 1000,
                "currency": "usd",
                "payment_method": "pm_card_authenticationRequired",
                "confirm": True,
                "error_on_requires_action": True,
            }
        )
    assert refused.value.error is not None
    assert refused.value.code == "authentication_required"
    assert refused.value.error.decline_code == "authentication_not_handled"
    assert refused.value.error.payment_intent.status == "requires_payment_method"
    assert (await sandbox.stripe.v1.charges.list_async()).data == []


@pytest.mark.parametrize("outcome", ["complete", "fail"])
async def test_checkout_goes_by_the_bank_to_success_or_back_to_the_page(sandbox: Running, outcome: str) -> None:
    session = await sandbox.session(
        customer_creation="always", payment_intent_data={"setup_future_usage": "off_session"}
    )
    sent = await sandbox.pay(session, ASKS_UNLESS_SET_UP)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(f"{sandbox.url}/c/3ds/pi_")
    assert (await sandbox.http.get(session.url)).status_code == 200
    answer = await sandbox.http.post(sent.headers["location"], data={"outcome": outcome})

    assert answer.status_code == 303
    after = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    if outcome == "complete":
        assert answer.headers["location"] == f"http://127.0.0.1:9/done?session={session.id}"
        assert (after.status, after.payment_status) == ("complete", "paid")
        assert after.payment_intent.customer == after.customer
        again = await sandbox.http.post(sent.headers["location"], data={"outcome": "fail"})
        assert again.headers["location"] == answer.headers["location"]
        method = after.payment_intent.payment_method
        customer = await sandbox.stripe.v1.customers.retrieve_async(after.customer)
        assert (await charge(sandbox, customer, method)).status == "succeeded"
    else:
        assert answer.headers["location"] == session.url
        assert "has failed authentication" in (await sandbox.http.get(session.url)).text
        assert (after.status, after.customer, after.payment_intent.status) == ("open", None, "requires_payment_method")
        assert (await sandbox.pay(session)).status_code == 303
    completed = await eventually(lambda: sandbox.received.of("checkout.session.completed"))
    assert len(completed) == 1


async def test_session_that_expires_before_the_bank_answers_is_over(sandbox: Running) -> None:
    session = await sandbox.session()
    sent = await sandbox.pay(session, ASKS_ALWAYS)
    await sandbox.stripe.v1.checkout.sessions.expire_async(session.id)
    answer = await sandbox.http.post(sent.headers["location"], data={"outcome": "complete"})

    assert (await sandbox.http.get(answer.headers["location"])).status_code == 410
    assert (await sandbox.stripe.v1.charges.list_async()).data == []


async def test_page_of_the_bank_takes_its_two_answers_only(sandbox: Running) -> None:
    intent = await sandbox.stripe.v1.payment_intents.create_async(
        {"amount": 1000, "currency": "usd", "payment_method": "pm_card_authenticationRequired", "confirm": True}
    )
    assert intent.next_action.type == "use_stripe_sdk"
    url = f"{sandbox.url}/c/3ds/{intent.id}"
    for form in ({}, {"outcome": "maybe"}, {"outcome": "x" * 10_000}):
        assert (await sandbox.http.post(url, data=form)).status_code == 400
    assert (await sandbox.http.post(url, data={"outcome": "complete"})).status_code == 200
    assert "Nothing to confirm" in (await sandbox.http.get(url)).text
    for nowhere in (f"{sandbox.url}/c/3ds/pi_none", f"{sandbox.url}/c/3ds/{'a' * 300}"):
        assert (await sandbox.http.get(nowhere)).status_code == 404
        assert (await sandbox.http.post(nowhere, data={"outcome": "fail"})).status_code == 404
