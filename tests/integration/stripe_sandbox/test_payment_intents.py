"""Payment intents and saved cards over the API, without the hosted page."""

import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import Running, sdk_warning

pytestmark = sdk_warning


async def test_intent_confirmed_with_a_good_card_succeeds(sandbox: Running) -> None:
    intents = sandbox.stripe.v1.payment_intents
    intent = await intents.create_async({"amount": 1000, "currency": "usd"})
    assert intent.status == "requires_payment_method"
    assert intent.client_secret.startswith(f"{intent.id}_secret_")

    done = await intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (done.status, done.amount_received) == ("succeeded", 1000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await intents.confirm_async(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError):
        await intents.cancel_async(intent.id)


async def test_decline_is_a_card_error_and_stays_on_the_books(sandbox: Running) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await sandbox.stripe.v1.payment_intents.create_async(
            {"amount": 1000, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True}
        )
    assert declined.value.http_status == 402
    assert declined.value.code == "card_declined"
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "generic_decline"
    assert declined.value.error.payment_intent.status == "requires_payment_method"

    charges = await sandbox.stripe.v1.charges.list_async()
    assert [(charge.status, charge.paid, charge.balance_transaction) for charge in charges.data] == [
        ("failed", False, None)
    ]
    types = [event.type for event in (await sandbox.stripe.v1.events.list_async()).data]
    assert types == ["payment_intent.payment_failed", "charge.failed", "payment_intent.created"]


async def test_declined_confirmation_is_replayed_by_its_key(sandbox: Running) -> None:
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await sandbox.stripe.v1.payment_intents.create_async(
                {
                    "amount": 1000,
                    "currency": "usd",
                    "payment_method": "pm_card_chargeDeclined",
                    "confirm": True,
                },
                {"idempotency_key": "once"},
            )
    assert len((await sandbox.stripe.v1.charges.list_async()).data) == 1


async def test_intent_is_canceled_once(sandbox: Running) -> None:
    intents = sandbox.stripe.v1.payment_intents
    intent = await intents.create_async({"amount": 1000, "currency": "usd"})
    canceled = await intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"})

    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError):
        await intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError):
        await intents.update_async(intent.id, {"amount": 5})


async def test_saved_card_pays_again_and_one_that_fails_later_declines(sandbox: Running) -> None:
    customer = await sandbox.stripe.v1.customers.create_async({"name": "Ada"})
    methods = sandbox.stripe.v1.payment_methods
    good = await methods.attach_async("pm_card_visa", {"customer": customer.id})
    late = await methods.attach_async("pm_card_chargeCustomerFail", {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        await methods.attach_async("pm_card_chargeDeclined", {"customer": customer.id})

    listed = await sandbox.stripe.v1.customers.payment_methods.list_async(customer.id)
    assert [method.id for method in listed.data] == [late.id, good.id]
    params = {
        "amount": 1000,
        "currency": "usd",
        "customer": customer.id,
        "confirm": True,
        "off_session": True,
    }
    done = await sandbox.stripe.v1.payment_intents.create_async({**params, "payment_method": good.id})
    assert done.status == "succeeded"
    with pytest.raises(stripe.CardError):
        await sandbox.stripe.v1.payment_intents.create_async({**params, "payment_method": late.id})
    assert (await methods.detach_async(good.id)).customer is None


async def test_card_number_is_nowhere_in_the_data_file(sandbox: Running) -> None:
    method = await sandbox.stripe.v1.payment_methods.create_async(
        {
            "type": "card",
            "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"},
        }
    )
    await sandbox.pay(await sandbox.session())
    other = await sandbox.stripe.v1.payment_methods.retrieve_async(method.id)

    assert other.card.last4 == "4242"
    for file in sandbox.data_file.parent.iterdir():
        assert b"4242424242424242" not in file.read_bytes()


async def test_session_intent_is_not_the_apis_to_finish(sandbox: Running) -> None:
    session = await sandbox.session()
    await sandbox.pay(session, "4000000000000002")
    tried = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id)
    with pytest.raises(stripe.InvalidRequestError, match="created by Checkout"):
        await sandbox.stripe.v1.payment_intents.cancel_async(tried.payment_intent)


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (0, "usd", "parameter_invalid_integer"),
        (-1, "usd", "parameter_invalid_integer"),
        (49, "usd", "amount_too_small"),
        (100_000_000, "usd", "amount_too_large"),
        (10**30, "usd", "parameter_invalid_integer"),
        (2001, "kwd", "parameter_invalid_integer"),
    ],
)
async def test_amount_out_of_bounds_is_refused(sandbox: Running, amount: int, currency: str, code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await sandbox.stripe.v1.payment_intents.create_async({"amount": amount, "currency": currency})
    assert (refused.value.code, refused.value.param) == (code, "amount")
