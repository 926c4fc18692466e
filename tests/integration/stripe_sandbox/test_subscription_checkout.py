"""Checkout that begins a subscription: paid, refused, by way of the bank, as a trial, and left alone."""

from typing import Any

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning
from tests.integration.stripe_sandbox.test_subscriptions import DAY, advance, invoices_of, now

pytestmark = sdk_warning

DECLINED = "4000000000000002"
ASKS = "4000002500003155"


async def open_session(sandbox: Running, **more: Any) -> Any:
    price = await sandbox.stripe.v1.prices.create_async(
        {
            "currency": "usd",
            "unit_amount": 2500,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Pro"},
        }
    )
    data = {"metadata": {"account": "acc_1"}, **more.pop("subscription_data", {})}
    return await sandbox.stripe.v1.checkout.sessions.create_async(
        {
            "mode": "subscription",
            "success_url": "http://127.0.0.1:9/done?session={CHECKOUT_SESSION_ID}",
            "line_items": [{"price": price.id, "quantity": 1}],
            "subscription_data": data,
            **more,
        }
    )


async def retrieved(sandbox: Running, session: Any) -> Any:
    return await sandbox.stripe.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["subscription.latest_invoice", "customer"]}
    )


async def test_paid_session_names_its_subscription_and_invoice(sandbox: Running) -> None:
    session = await open_session(sandbox, customer_email="ada@example.org")
    assert (session.status, session.payment_status, session.subscription, session.amount_total) == (
        *("open", "unpaid", None),
        2500,
    )
    page = await sandbox.http.get(session.url)
    assert "Subscribe and pay 25.00 USD today" in page.text
    assert (await sandbox.pay(session)).status_code == 303
    done = await retrieved(sandbox, session)
    begun = done.subscription
    assert (done.status, done.payment_status, done.invoice) == ("complete", "paid", begun.latest_invoice.id)
    assert (begun.status, begun.latest_invoice.status, begun.metadata["account"]) == ("active", "paid", "acc_1")
    method = await sandbox.stripe.v1.payment_methods.retrieve_async(begun.default_payment_method)
    assert (method.customer, begun.customer, done.customer.email) == (
        *(done.customer.id, done.customer.id),
        "ada@example.org",
    )
    await eventually(lambda: sandbox.received.of("checkout.session.completed"))
    told = sandbox.received.types()
    assert told.index("customer.subscription.created") < told.index("invoice.paid")
    assert told.index("invoice.paid") < told.index("checkout.session.completed")


async def test_refused_card_leaves_the_session_open_for_another(sandbox: Running) -> None:
    session = await open_session(sandbox)
    assert (await sandbox.pay(session, DECLINED)).status_code == 402
    assert "declined" in (await sandbox.http.get(session.url)).text
    refused = await retrieved(sandbox, session)
    assert (refused.status, refused.subscription) == ("open", None)
    await sandbox.pay(session)
    done = await retrieved(sandbox, session)
    assert (done.subscription.status, done.subscription.latest_invoice.amount_paid) == ("active", 2500)
    assert len((await sandbox.stripe.v1.subscriptions.list_async({"status": "all"})).data) == 1


async def test_bank_is_asked_once_and_renewals_go_without(sandbox: Running) -> None:
    session = await open_session(sandbox)
    answer = await sandbox.pay(session, ASKS)
    assert "/c/3ds/pi_" in answer.headers["location"]
    failed = await sandbox.http.post(answer.headers["location"], data={"outcome": "fail"})
    assert failed.headers["location"] == session.url
    answer = await sandbox.pay(session, ASKS)
    back = await sandbox.http.post(answer.headers["location"], data={"outcome": "complete"})
    assert back.headers["location"].endswith(session.id)
    done = await retrieved(sandbox, session)
    assert (done.status, done.payment_status, done.subscription.status) == ("complete", "paid", "active")
    await advance(sandbox, 31 * DAY + 3600)
    assert [invoice.status for invoice in await invoices_of(sandbox, done.subscription)] == ["paid", "paid"]


async def test_trial_sets_the_card_up_and_charges_it_later(sandbox: Running) -> None:
    session = await open_session(sandbox, subscription_data={"trial_period_days": 7})
    assert session.amount_total == 0
    assert (await sandbox.pay(session, DECLINED)).status_code == 402
    assert (await sandbox.stripe.v1.subscriptions.list_async({"status": "all"})).data == []
    answer = await sandbox.pay(session, ASKS)
    await sandbox.http.post(answer.headers["location"], data={"outcome": "complete"})
    done = await retrieved(sandbox, session)
    assert (done.payment_status, done.subscription.status) == ("no_payment_required", "trialing")
    await advance(sandbox, 7 * DAY + 3600)
    paid = await invoices_of(sandbox, done.subscription)
    assert ((await now(sandbox, done.subscription)).status, paid[-1].amount_paid) == ("active", 2500)


async def test_credit_balance_pays_the_first_invoice_and_the_card_is_kept(sandbox: Running) -> None:
    customer = await sandbox.stripe.v1.customers.create_async({"balance": -3000})
    session = await open_session(sandbox, customer=customer.id)
    assert (await sandbox.pay(session, DECLINED)).status_code == 402
    assert (await sandbox.pay(session)).status_code == 303
    done = await retrieved(sandbox, session)
    begun, invoice = done.subscription, done.subscription.latest_invoice
    assert (done.status, done.payment_status, begun.status) == ("complete", "no_payment_required", "active")
    assert (invoice.status, invoice.total, invoice.amount_due, invoice.amount_paid) == ("paid", 2500, 0, 0)
    assert (done.customer.balance, (await sandbox.stripe.v1.payment_intents.list_async()).data) == (-500, [])
    await advance(sandbox, 31 * DAY + 3600)
    assert [each.amount_paid for each in await invoices_of(sandbox, begun)] == [0, 2000]


async def test_try_that_was_refused_is_charged_though_a_balance_came_since(sandbox: Running) -> None:
    customer = await sandbox.stripe.v1.customers.create_async({})
    session = await open_session(sandbox, customer=customer.id)
    assert (await sandbox.pay(session, DECLINED)).status_code == 402
    await sandbox.stripe.v1.customers.update_async(customer.id, {"balance": -3000})
    assert (await sandbox.pay(session)).status_code == 303
    done = await retrieved(sandbox, session)
    assert (done.payment_status, done.subscription.latest_invoice.amount_paid) == ("paid", 2500)


async def test_session_that_is_left_alone_takes_its_subscription_with_it(sandbox: Running) -> None:
    session = await open_session(sandbox)
    await sandbox.pay(session, DECLINED)
    await sandbox.stripe.v1.checkout.sessions.expire_async(session.id)
    left = (await sandbox.stripe.v1.subscriptions.list_async({"status": "all"})).data
    assert [subscription.status for subscription in left] == ["incomplete_expired"]
    assert [invoice.status for invoice in await invoices_of(sandbox, left[0])] == ["void"]


async def test_money_on_its_way_makes_it_active_when_it_comes(sandbox: Running) -> None:
    session = await open_session(sandbox)
    await sandbox.pay(session, "4000000000008088")
    waiting = await retrieved(sandbox, session)
    assert (waiting.payment_status, waiting.subscription.status) == ("unpaid", "incomplete")
    await sandbox.http.post(f"{sandbox.url}/test/sessions/{session.id}/async", json={"outcome": "succeeded"})
    done = await retrieved(sandbox, session)
    assert (done.payment_status, done.subscription.status, done.subscription.latest_invoice.status) == (
        *("paid", "active"),
        "paid",
    )
