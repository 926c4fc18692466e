"""Checkout from session to money, over the SDK and the hosted page."""

import asyncio
import time

import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning

pytestmark = sdk_warning

SUCCESS = "http://127.0.0.1:9/done?session="


async def test_new_session_is_open_unpaid_and_has_an_address(sandbox: Running) -> None:
    customer = await sandbox.stripe.v1.customers.create_async({"email": "ada@example.com"})
    session = await sandbox.session(
        amount=500, customer=customer.id, client_reference_id="acct_1", expires_at=int(time.time()) + 3600
    )

    assert session.id.startswith("cs_test_")
    assert session.id in session.url
    assert session.url.startswith(sandbox.url)
    assert (session.status, session.payment_status, session.mode) == ("open", "unpaid", "payment")
    assert (session.amount_total, session.currency, session.livemode) == (500, "usd", False)
    assert session.metadata.to_dict() == {"payment_id": "pay_1"}
    assert session.customer == customer.id
    assert session.customer_details.email == "ada@example.com"
    assert session.payment_intent is None
    assert session.client_reference_id == "acct_1"


async def test_payment_page_shows_amount_and_goods_and_no_script(sandbox: Running) -> None:
    session = await sandbox.session(amount=1250)
    answer = await sandbox.http.get(session.url)

    assert answer.status_code == 200
    assert "12.50 USD" in answer.text
    assert "5,000 credits" in answer.text
    assert "TEST MODE" in answer.text
    for field in ("number", "exp", "cvc", "name"):
        assert f'name="{field}"' in answer.text
    assert "<script" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:9;" in policy


async def test_good_card_pays_and_leads_to_the_success_address(sandbox: Running) -> None:
    session = await sandbox.session(amount=500, payment_intent_data={"metadata": {"account": "acct_1"}})
    answer = await sandbox.pay(session)

    assert answer.status_code == 303
    assert answer.headers["location"] == SUCCESS + session.id
    paid = await sandbox.stripe.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge", "line_items"]}
    )
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    intent = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.currency) == ("succeeded", 500, "usd")
    assert intent.metadata["account"] == "acct_1"
    assert intent.latest_charge.paid is True
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"
    assert [item.amount_total for item in paid.line_items.data] == [500]
    money = await sandbox.stripe.v1.balance_transactions.retrieve_async(intent.latest_charge.balance_transaction)
    assert (money.amount, money.fee, money.net) == (500, 45, 455)


async def test_payment_is_told_in_stripes_events_signed(sandbox: Running) -> None:
    session = await sandbox.session()
    await sandbox.pay(session)
    await eventually(lambda: len(sandbox.received.events) == 5)

    listed = await sandbox.stripe.v1.events.list_async({"limit": 100})
    assert [event.type for event in reversed(listed.data)] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.updated",
    ]
    (completed,) = sandbox.received.of("checkout.session.completed")
    assert completed.data.object.id == session.id
    assert completed.data.object.payment_status == "paid"
    assert completed.data.object.metadata["payment_id"] == "pay_1"
    assert (completed.api_version, completed.livemode) == ("2026-10-28.endive", False)
    await eventually(lambda: len(sandbox.received.attempts) == 5)


async def test_events_say_that_nothing_is_pending_once_delivered(sandbox: Running) -> None:
    await sandbox.pay(await sandbox.session())
    await eventually(lambda: len(sandbox.received.events) == 5)

    until = time.monotonic() + 5
    while True:
        listed = await sandbox.stripe.v1.events.list_async({"delivery_success": True, "limit": 100})
        if len(listed.data) == 5:
            break
        assert time.monotonic() < until
    assert {event.pending_webhooks for event in listed.data} == {0}


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("4000000000000002", "Your card was declined."),
        ("4000000000009995", "Your card has insufficient funds."),
        ("4111111111111111", "used a non test card"),
    ],
)
async def test_declined_card_is_told_why_and_the_session_stays_open(sandbox: Running, number: str, reason: str) -> None:
    session = await sandbox.session()
    answer = await sandbox.pay(session, number)

    assert answer.status_code == 402
    assert reason in answer.text
    after = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert (after.status, after.payment_status) == ("open", "unpaid")
    assert after.payment_intent.status == "requires_payment_method"
    assert after.payment_intent.last_payment_error.code == "card_declined"
    await eventually(lambda: sandbox.received.of("payment_intent.payment_failed"))
    assert not sandbox.received.of("checkout.session.completed")


async def test_second_try_with_a_good_card_pays_the_same_intent(sandbox: Running) -> None:
    session = await sandbox.session()
    await sandbox.pay(session, "4000000000000002")
    declined = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id)
    answer = await sandbox.pay(session)

    assert answer.status_code == 303
    paid = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert paid.payment_intent == declined.payment_intent
    charges = await sandbox.stripe.v1.charges.list_async({"payment_intent": paid.payment_intent})
    assert [charge.status for charge in charges.data] == ["succeeded", "failed"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"number": "4242424242424241"}, "card number is incorrect"),
        ({"number": "4242"}, "card number is incorrect"),
        ({"number": "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"}, "card number is incorrect"),
        ({"exp": "01/20"}, "expiration year is in the past"),
        ({"exp": "13/40"}, "expiration month is invalid"),
        ({"exp": "soon"}, "expiration month is invalid"),
        ({"cvc": "12"}, "security code is invalid"),
        ({"cvc": ""}, "security code is invalid"),
    ],
)
async def test_senseless_card_is_refused_without_a_charge(sandbox: Running, wrong: dict[str, str], reason: str) -> None:
    session = await sandbox.session()
    answer = await sandbox.pay(session, **{"number": "4242 4242 4242 4242", **wrong})

    assert answer.status_code == 402
    assert reason in answer.text
    assert 'role="alert"' in answer.text
    assert (await sandbox.stripe.v1.charges.list_async()).data == []
    assert (await sandbox.stripe.v1.events.list_async()).data == []


async def test_ten_payments_at_once_are_one_charge(sandbox: Running) -> None:
    session = await sandbox.session(amount=500)
    answers = await asyncio.gather(*(sandbox.pay(session, amount="1", credits="999999") for _ in range(10)))

    assert {answer.status_code for answer in answers} == {303}
    assert {answer.headers["location"] for answer in answers} == {SUCCESS + session.id}
    charges = await sandbox.stripe.v1.charges.list_async()
    assert [charge.amount for charge in charges.data] == [500]
    events = await sandbox.stripe.v1.events.list_async({"type": "checkout.session.completed"})
    assert len(events.data) == 1


async def test_paid_session_page_offers_no_second_payment(sandbox: Running) -> None:
    session = await sandbox.session()
    await sandbox.pay(session)
    answer = await sandbox.http.get(session.url)

    assert "This payment is done" in answer.text
    assert "<form" not in answer.text


async def test_expired_session_cannot_be_paid(sandbox: Running) -> None:
    session = await sandbox.session()
    await sandbox.pay(session, "4000000000000002")
    expired = await sandbox.stripe.v1.checkout.sessions.expire_async(session.id)

    assert (expired.status, expired.url) == ("expired", None)
    assert (await sandbox.pay(session)).status_code == 410
    assert (await sandbox.http.get(session.url)).status_code == 410
    intent = await sandbox.stripe.v1.payment_intents.retrieve_async(expired.payment_intent)
    assert intent.status == "canceled"
    await eventually(lambda: sandbox.received.of("checkout.session.expired"))
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        await sandbox.stripe.v1.checkout.sessions.expire_async(session.id)


async def test_unknown_session_page_is_not_found(sandbox: Running) -> None:
    assert (await sandbox.http.get(f"{sandbox.url}/c/pay/cs_test_none")).status_code == 404
    assert (await sandbox.http.post(f"{sandbox.url}/c/pay/cs_test_none", data={})).status_code == 404


async def test_customer_is_made_at_payment_when_asked(sandbox: Running) -> None:
    session = await sandbox.session(customer_creation="always", customer_email="ada@example.com")
    assert (await sandbox.pay(session, "4000000000000002")).status_code == 402
    assert (await sandbox.stripe.v1.customers.list_async()).data == []
    await sandbox.pay(session)

    paid = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["customer"]})
    assert (paid.customer.email, paid.customer.name) == ("ada@example.com", "Ada Lovelace")
    intent = await sandbox.stripe.v1.payment_intents.retrieve_async(paid.payment_intent)
    assert intent.customer == paid.customer.id


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("jpy", 800, "800 JPY"), ("bhd", 2000, "2.000 BHD"), ("eur", 450, "4.50 EUR")],
)
async def test_each_currency_keeps_its_own_minor_unit(sandbox: Running, currency: str, amount: int, shown: str) -> None:
    session = await sandbox.session(amount=amount, currency=currency)

    assert (session.amount_total, session.currency) == (amount, currency)
    assert shown in (await sandbox.http.get(session.url)).text


async def test_catalogue_price_can_be_sold(sandbox: Running) -> None:
    product = await sandbox.stripe.v1.products.create_async({"name": "Credits"})
    price = await sandbox.stripe.v1.prices.create_async(
        {"product": product.id, "currency": "usd", "unit_amount": 100, "lookup_key": "credits"}
    )
    found = await sandbox.stripe.v1.prices.list_async({"lookup_keys": ["credits"]})
    assert [one.id for one in found.data] == [price.id]
    session = await sandbox.session(line_items=[{"price": price.id, "quantity": 7}])

    assert session.amount_total == 700
    items = await sandbox.stripe.v1.checkout.sessions.line_items.list_async(session.id)
    assert [(item.quantity, item.description, item.price.id) for item in items.data] == [(7, "Credits", price.id)]


async def test_page_escapes_what_it_is_given(sandbox: Running) -> None:
    evil = '"><script>alert(1)</script>'
    session = await sandbox.session(
        cancel_url=f"http://127.0.0.1:9/?q={evil}",
        line_items=[
            {
                "quantity": 1,
                "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": evil}},
            }
        ],
    )
    for answer in (
        await sandbox.http.get(session.url),
        await sandbox.pay(session, evil, name=evil),
        await sandbox.http.get(sandbox.url),
    ):
        assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"expires_at": 1}, "expires_at"),
        ({"expires_at": 4_000_000_000}, "expires_at"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"mode": "subscription"}, "line_items[0]"),
        ({"mode": "bogus"}, "mode"),
        ({"customer": "cus_none"}, "customer"),
        ({"line_items": []}, "line_items"),
        ({"automatic_tax": {"enabled": True}}, "automatic_tax"),
        ({"amount": 5}, "line_items"),
        ({"amount": -5}, "line_items[0][price_data][unit_amount]"),
        ({"currency": "bhd", "amount": 2001}, "line_items"),
        ({"currency": "xyz"}, "line_items[0][price_data][currency]"),
    ],
)
async def test_senseless_session_is_refused_by_parameter(
    sandbox: Running, wrong: dict[str, object], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await sandbox.session(**wrong)  # type: ignore[arg-type]

    assert refused.value.http_status == 400
    assert refused.value.param == param
