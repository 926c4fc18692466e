"""Stripe's events: who may send them, what is stored, and what they can and can't do."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.billing.clients.stripe.checkouts import find_session
from services.billing.domain.checkout_session import Ignored
from services.billing.domain.refund import RefundState
from services.billing.domain.webhook_signature import sign
from services.billing.store import webhook_events
from services.billing.store.webhook_bodies import SealedBody
from services.billing.store.webhook_events import StoredEvent
from services.billing.use_cases import webhooks
from services.billing.use_cases.stripe_news import Found, NotYet, apply
from services.billing.use_cases.webhook_worker import work_on_events
from shared.audit import COMMAND_LINE
from shared.crypto import CannotUnseal
from shared.errors import NotFound
from shared.money import Money
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import (
    OPERATOR,
    SECRET_KEY,
    WEBHOOK_SECRET,
    OpenShop,
    Shop,
    a_customer,
    an_event,
    session_id_of,
)
from tests.integration.billing_payments.refunding import at_stripe
from tests.support import stripe_events as shapes
from tests.support.http import eventually
from tests.support.keys import headers_for
from tests.support.stripe_events import WORLDS, World


async def _ordered(shop: Shop, buyer: Caller) -> tuple[str, dict[str, Any]]:
    """A payment's id and its session as an event would show it."""
    answer = await shop.checkout(buyer)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    session = {
        "id": session_id_of(body["checkout_url"]),
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": 500,
        "currency": "usd",
        "metadata": {"payment_id": body["payment_id"], "account_id": buyer.account_id},
    }
    return body["payment_id"], session


async def _stored(shop: Shop) -> list[Any]:
    return await shop.rows("SELECT * FROM webhook_events ORDER BY id")


async def test_same_event_ten_times_at_once_credits_once(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await shop.sandbox_control("/test/delivery", {"mode": "drop"})
    await shop.pay(body["checkout_url"])
    event = an_event("checkout.session.completed", {"id": session_id_of(body["checkout_url"])}, event_id="evt_the_same")

    answers = await asyncio.gather(*(shop.deliver(event) for _ in range(10)))
    await shop.wallet_becomes(buyer.account_id, 5_000_000)
    await shop.all_events_done(1)

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"received": True})] * 10
    assert [(row.stripe_event_id, row.status) for row in await _stored(shop)] == [("evt_the_same", "handled")]
    assert await shop.balance(buyer.account_id) == 5_000_000


async def test_one_fact_under_many_ids_credits_once(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await shop.sandbox_control("/test/delivery", {"mode": "drop"})
    await shop.pay(body["checkout_url"])
    about = {"id": session_id_of(body["checkout_url"])}
    await asyncio.gather(*(shop.deliver(an_event("checkout.session.completed", about)) for _ in range(10)))
    await shop.all_events_done(10)
    assert await shop.balance(buyer.account_id) == 5_000_000
    assert {row.attempts for row in await _stored(shop)} == {1}


async def test_events_doubled_and_shuffled_credit_once(shop: Shop) -> None:
    for mode in ("double", "shuffle"):
        await shop.sandbox_control("/test/delivery", {"mode": mode})
        buyer = a_customer()
        await shop.pay((await shop.checkout(buyer)).json()["checkout_url"])
        await shop.wallet_becomes(buyer.account_id, 5_000_000)
    await shop.all_events_done(10)
    assert await shop.rows("SELECT 1 FROM wallets WHERE balance <> 5000000") == []


async def test_forged_stale_and_odd_signatures_are_refused_and_store_nothing(shop: Shop) -> None:
    _, session = await _ordered(shop, a_customer())
    body = json.dumps(an_event("checkout.session.completed", session)).encode()
    now = datetime.now(UTC)
    good = sign(body, secret=WEBHOOK_SECRET, at=now)
    stamp = good.split(",", 1)[0]
    for signature in (
        "",
        "t=,v1=",
        "v1=" + "0" * 64,
        stamp,
        f"{stamp},v0={good.split('v1=')[1]}",
        f"{stamp},v1={'0' * 64}",
        f"{stamp},{good}",
        sign(body, secret="whsec_of_another", at=now),
        sign(body, secret="", at=now),
        sign(body, secret=WEBHOOK_SECRET, at=now - timedelta(seconds=302)),
        sign(body, secret=WEBHOOK_SECRET, at=now + timedelta(seconds=302)),
        sign(body + b" ", secret=WEBHOOK_SECRET, at=now),
        "t=99999999999999999999999,v1=00",
        "t=-1,v1=00",
        f"{stamp},v1=é".encode(),
        b"\xff\xfe=,v1",
        f"t=١٢٣,v1={'0' * 64}".encode(),
    ):
        answer = await shop.deliver_raw(body, signature)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature"), signature
    no_header = await shop.http.post("/api/webhooks/stripe", content=body)
    twice = await shop.http.post(
        "/api/webhooks/stripe", content=body, headers=[("stripe-signature", good), ("stripe-signature", good)]
    )
    assert (no_header.status_code, twice.status_code) == (400, 400)
    assert await _stored(shop) == []


async def test_signed_bodies_that_are_no_events_are_refused_and_store_nothing(shop: Shop) -> None:
    event = an_event("checkout.session.completed", {"id": "cs_test_1"})
    thin = {"id": "evt_test_65", "object": "v2.core.event", "type": "v1.billing.meter.error", "livemode": False}
    for body in (
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"",
        b"{}",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id": NaN}',
        b"1" * 5_000,
        json.dumps(thin).encode(),
        json.dumps({**event, "id": None}).encode(),
        json.dumps({**event, "id": "evt_\u0000"}).encode(),
        json.dumps({**event, "type": ["a"]}).encode(),
        json.dumps({**event, "data": []}).encode(),
        json.dumps({**event, "data": {"object": "x"}}).encode(),
        json.dumps({**event, "livemode": "false"}).encode(),
        json.dumps({**event, "account": 5}).encode(),
    ):
        answer = await shop.deliver_raw(body, sign(body, secret=WEBHOOK_SECRET, at=datetime.now(UTC)))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_payload"), body[:60]
    assert await _stored(shop) == []


async def test_body_over_the_bound_is_refused_unread(shop: Shop) -> None:
    answer = await shop.deliver_raw(b"x" * (1024 * 1024 + 1), "t=1,v1=0")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_signed_event_of_an_unpaid_session_gives_no_credit(shop: Shop) -> None:
    buyer = a_customer()
    payment_id, session = await _ordered(shop, buyer)
    assert (await shop.deliver(an_event("checkout.session.completed", session))).status_code == 200
    await shop.all_events_done(1)

    assert await shop.balance(buyer.account_id) == 0
    assert (await shop.payment(buyer, payment_id))["status"] == "pending"


async def test_wrong_mode_and_connected_accounts_are_stored_as_ignored(shop: Shop) -> None:
    _, session = await _ordered(shop, a_customer())
    live = await shop.deliver(an_event("checkout.session.completed", session, livemode=True))
    other = await shop.deliver(an_event("checkout.session.completed", session, account="acct_connected"))

    assert (live.status_code, other.status_code) == (200, 200)
    rows = await _stored(shop)
    assert [row.status for row in rows] == ["ignored", "ignored"]
    assert all(row.error and row.attempts == 0 for row in rows)


async def test_unknown_sessions_intents_and_types_are_ignored_with_a_reason(shop: Shop) -> None:
    for kind, about in (
        ("checkout.session.completed", {"id": "cs_test_of_nobody"}),
        ("payment_intent.succeeded", {"id": "pi_of_nobody"}),
        ("payment_intent.succeeded", {}),
        ("customer.created", {"id": "cus_1"}),
        ("invoice_payment.paid", {"id": "inpay_1"}),
        ("of.a.type.to.come", {"id": None}),
    ):
        assert (await shop.deliver(an_event(kind, about))).status_code == 200
    await shop.all_events_done(6)
    rows = await _stored(shop)
    assert {row.status for row in rows} == {"ignored"}
    assert all(row.error for row in rows)


async def test_paid_session_of_another_product_is_ignored(shop: Shop) -> None:
    buyer = a_customer()
    payment_id, _ = await _ordered(shop, buyer)
    for metadata in ({}, {"payment_id": payment_id, "account_id": "acct_other"}):
        form = {
            "mode": "payment",
            "success_url": "http://127.0.0.1/",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": "500",
            "line_items[0][price_data][product_data][name]": "Something else",
            **{f"metadata[{name}]": value for name, value in metadata.items()},
        }
        made = await shop.http.post(
            f"{shop.sandbox_url}/v1/checkout/sessions", data=form, headers={"authorization": f"Bearer {SECRET_KEY}"}
        )
        assert made.status_code == 200, made.text
        await shop.pay(made.json()["url"])
    await shop.all_events_done(8)
    assert await shop.balance(buyer.account_id) == 0
    assert (await shop.payment(buyer, payment_id))["status"] == "pending"


async def test_session_of_another_amount_that_names_the_payment_gives_no_credit(shop: Shop) -> None:
    buyer = a_customer()
    payment_id, _session = await _ordered(shop, buyer)
    async with shop.billing.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE payments SET session_id = NULL, checkout_url = NULL")
    form = {
        "mode": "payment",
        "success_url": "http://127.0.0.1/",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "50",
        "line_items[0][price_data][product_data][name]": "Cheap credits",
        "metadata[payment_id]": payment_id,
        "metadata[account_id]": buyer.account_id,
    }
    made = await shop.http.post(
        f"{shop.sandbox_url}/v1/checkout/sessions", data=form, headers={"authorization": f"Bearer {SECRET_KEY}"}
    )
    await shop.pay(made.json()["url"])
    await shop.all_events_done(4)

    assert await shop.balance(buyer.account_id) == 0
    reasons = {row.error for row in await _stored(shop) if row.type == "checkout.session.completed"}
    assert reasons == {"paid 50 usd where 500 usd was asked"}


async def test_both_paths_and_every_configured_secret_are_taken(open_shop: OpenShop) -> None:
    async with open_shop(stripe_webhook_secret=f"whsec_old, {WEBHOOK_SECRET}") as shop:
        for secret in ("whsec_old", WEBHOOK_SECRET):
            assert (await shop.deliver(an_event("customer.created", {"id": "cus_1"}), secret=secret)).status_code == 200
        body = json.dumps(an_event("customer.created", {"id": "cus_1"})).encode()
        headers = {"stripe-signature": sign(body, secret=WEBHOOK_SECRET, at=datetime.now(UTC))}
        assert (await shop.http.post("/webhook/stripe", content=body, headers=headers)).status_code == 200


async def test_without_a_secret_the_route_is_off(open_shop: OpenShop) -> None:
    async with open_shop(stripe_webhook_secret="") as shop:
        for secret in ("", WEBHOOK_SECRET):
            answer = await shop.deliver(an_event("customer.created", {"id": "cus_1"}), secret=secret)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert await _stored(shop) == []


async def test_body_is_stored_sealed(shop: Shop) -> None:
    await shop.deliver(an_event("customer.created", {"id": "cus_1", "email": "ada@marked.example"}))
    [row] = await _stored(shop)
    assert b"marked" not in bytes(row.body)


async def test_body_is_under_the_key_of_its_month_alone(shop: Shop) -> None:
    await shop.deliver(an_event("customer.created", {"id": "cus_1"}))
    [row] = await _stored(shop)
    [key] = await shop.rows("SELECT month, wrapped FROM webhook_keys")
    assert row.key_month == key.month == shop.clock.now().date().replace(day=1)
    keys = shop.billing.settings.seal_keys
    assert b"cus_1" in SealedBody(row.stripe_event_id, row.body, key.month, key.wrapped).open(keys)
    with pytest.raises(CannotUnseal):
        SealedBody(row.stripe_event_id, row.body, None, None).open(keys)


async def test_objects_of_others_in_both_worlds_of_shapes_are_ignored(shop: Shop) -> None:
    events = [each for world in WORLDS for each in _events_of_others(world)]
    for number, event in enumerate(events):
        assert (await shop.deliver({**event, "id": f"evt_{number}"})).status_code == 200
    await shop.all_events_done(len(events))
    rows = await _stored(shop)
    assert {row.status for row in rows} == {"ignored"}
    assert all(row.error for row in rows)
    assert {row.attempts for row in rows} == {1}


def _events_of_others(world: World) -> list[dict[str, Any]]:
    objects = {
        "charge.refunded": shapes.charge(world),
        "charge.refund.updated": shapes.refund(),
        "charge.dispute.funds_withdrawn": shapes.dispute(world),
        "payment_intent.succeeded": shapes.intent(world),
        "invoice.paid": shapes.invoice(world),
        "customer.subscription.updated": shapes.subscription(world),
        "customer.deleted": {"id": "cus_1", "object": "customer", "deleted": True},
        "payout.paid": {"id": "po_1", "object": "payout"},
    }
    return [shapes.envelope(kind, about, world=world) for kind, about in objects.items()]


async def test_charge_books_what_it_did_to_the_balance(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await shop.sandbox_control("/test/delivery", {"mode": "drop"})
    await shop.pay(body["checkout_url"])
    [charge] = (await at_stripe(shop, "GET", "charges"))["data"]
    for _ in range(2):
        await shop.deliver(an_event("charge.updated", {"id": charge["id"], "object": "charge"}))
    await shop.all_events_done(2)

    assert await shop.balance(buyer.account_id) == 5_000_000, "the payment is settled first"
    [booked] = await shop.rows(
        "SELECT sum(micros) AS micros FROM money_entries WHERE ledger_account = 'stripe_balance'"
    )
    [transaction] = (await at_stripe(shop, "GET", "balance_transactions"))["data"]
    assert booked.micros == transaction["net"] * 10_000


async def test_what_comes_before_its_payments_success_is_tried_again(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        _, about = await _ordered(shop, a_customer())
        unpaid = await find_session(shop.billing.stripe, about["id"])
        early = RefundState(
            id="re_1",
            refund_id=None,
            charge_id="ch_1",
            intent_id="pi_1",
            amount=Money(100, "usd"),
            status="succeeded",
            reason=None,
            failure_reason=None,
            transaction=None,
            failure_transaction=None,
        )
        for found in (Found("refund", unpaid, refunds=(early,)), Found("charge", unpaid, charged=True)):
            with pytest.raises(NotYet):
                async with shop.billing.database.transaction() as connection:
                    await apply(shop.billing, connection, found)
        async with shop.billing.database.transaction() as connection:
            assert await apply(shop.billing, connection, Found("charge", unpaid)) is None, "it is pending, or failed"
        async with shop.billing.database.transaction() as connection:
            ignored = await apply(shop.billing, connection, Found("refund", refunds=(early,)))
        assert ignored == Ignored("no payment here has this charge")


async def test_event_of_a_worker_that_died_is_done_after_its_lease(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False, webhook_lease_seconds=1) as shop:
        buyer = a_customer()
        await shop.sandbox_control("/test/delivery", {"mode": "drop"})
        _, session = await _ordered(shop, buyer)
        await shop.pay(f"{shop.sandbox_url}/c/pay/{session['id']}")
        await shop.deliver(an_event("checkout.session.completed", session))
        async with shop.billing.database.transaction() as connection:
            [dead] = await webhook_events.lease(connection, lease_seconds=1, limit=4)

        assert await work_on_events(shop.billing) is False
        assert await shop.balance(buyer.account_id) == 0

        async def worked() -> bool:
            return await work_on_events(shop.billing)

        await eventually(worked)
        assert await shop.balance(buyer.account_id) == 5_000_000
        async with shop.billing.database.transaction() as connection:
            late = await webhook_events.close(connection, dead, "handled", reason=None, at=shop.clock.now())
        assert late is False
        assert [row.status for row in await _stored(shop)] == ["handled"]


async def test_worker_that_comes_back_after_its_lease_may_not_close_the_event(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        await shop.deliver(an_event("customer.created", {"id": "cus_1"}))
        async with shop.billing.database.transaction() as connection:
            [first] = await webhook_events.lease(connection, lease_seconds=0, limit=1)
        async with shop.billing.database.transaction() as connection:
            [second] = await webhook_events.lease(connection, lease_seconds=60, limit=1)
        async with shop.billing.database.transaction() as connection:
            assert await webhook_events.lease(connection, lease_seconds=60, limit=1) == []
            assert not await webhook_events.close(connection, first, "handled", reason=None, at=shop.clock.now())
            assert not await webhook_events.park(connection, first, error="late")
            assert await webhook_events.close(connection, second, "handled", reason=None, at=shop.clock.now())


async def test_two_workers_at_once_do_each_event_once(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        buyers = [a_customer() for _ in range(5)]
        for buyer in buyers:
            await shop.pay((await shop.checkout(buyer)).json()["checkout_url"])

        async def stored() -> bool:
            return len(await _stored(shop)) == 25

        await eventually(stored)

        async def work() -> None:
            while await work_on_events(shop.billing):
                pass

        await asyncio.gather(work(), work(), work())
        rows = await _stored(shop)
        assert {row.attempts for row in rows} == {1}
        assert [await shop.balance(buyer.account_id) for buyer in buyers] == [5_000_000] * 5


async def test_event_that_can_not_be_worked_on_is_parked_and_replayed_by_an_operator(open_shop: OpenShop) -> None:
    async with open_shop(webhook_max_attempts=2) as shop:
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        await shop.sandbox_control("/test/delivery", {"mode": "drop"})
        await shop.pay(body["checkout_url"])
        await shop.sandbox_control("/test/faults", {"status": 500, "times": 100, "path": "/v1/checkout/sessions"})
        await shop.deliver(an_event("checkout.session.completed", {"id": session_id_of(body["checkout_url"])}))
        await shop.deliver(an_event("customer.created", {"id": "cus_1"}))
        await shop.all_events_done(2)

        listed = (await shop.get(OPERATOR, "/api/v1/admin/webhook-events?status=parked")).json()["data"]
        assert [(event["status"], event["attempts"], event["error"]) for event in listed] == [
            ("parked", 2, "StripeUnavailable: APIError")
        ]
        await shop.sandbox_control("/test/faults", {"status": 500, "times": 0, "path": "/v1/checkout/sessions"})
        again = await shop.post(OPERATOR, f"/api/v1/admin/webhook-events/{listed[0]['id']}/replay")
        assert (again.status_code, again.json()["status"]) == (200, "received")
        await shop.wallet_becomes(buyer.account_id, 5_000_000)


async def test_replaying_a_handled_event_changes_nothing(shop: Shop) -> None:
    buyer = a_customer()
    await shop.pay((await shop.checkout(buyer)).json()["checkout_url"])
    await shop.all_events_done(5)
    for row in await _stored(shop):
        assert (await shop.post(OPERATOR, f"/api/v1/admin/webhook-events/{row.id}/replay")).status_code == 200
    await shop.all_events_done(5)
    assert await shop.balance(buyer.account_id) == 5_000_000


async def test_operators_list_pages_newest_first_and_hides_bodies(shop: Shop) -> None:
    for number in range(3):
        await shop.deliver(an_event("customer.created", {"id": "cus_1"}, event_id=f"evt_{number}"))
    first = (await shop.get(OPERATOR, "/api/v1/admin/webhook-events?limit=2")).json()
    second = (await shop.get(OPERATOR, f"/api/v1/admin/webhook-events?limit=2&after={first['next']}")).json()

    assert [event["stripe_event_id"] for event in first["data"] + second["data"]] == ["evt_2", "evt_1", "evt_0"]
    assert (first["has_more"], second["has_more"], second["next"]) == (True, False, None)
    assert set(first["data"][0]) == {
        *("id", "stripe_event_id", "type", "api_version", "status"),
        *("attempts", "error", "received_at", "handled_at"),
    }


async def test_events_are_found_by_what_they_name(shop: Shop) -> None:
    await shop.deliver(an_event("charge.updated", shapes.charge("old"), event_id="evt_of_charge"))
    await shop.deliver(an_event("refund.updated", shapes.refund(id="re_2"), event_id="evt_of_refund"))
    await shop.deliver(an_event("customer.updated", {"id": "cus_2"}, event_id="evt_of_customer"))

    async def found(about: str) -> list[str]:
        listed = (await shop.get(OPERATOR, f"/api/v1/admin/webhook-events?about={about}")).json()["data"]
        return [event["stripe_event_id"] for event in listed]

    assert await found("ch_1") == ["evt_of_refund", "evt_of_charge"]
    assert await found("re_1") == ["evt_of_charge"]
    assert await found("cus_2") == ["evt_of_customer"]
    assert await found("ch_of_nobody") == []
    async with shop.billing.database.transaction() as connection:
        told = await webhook_events.naming(connection, ["re_1", "re_2", "ch_1"], limit=10)
    assert [event.stripe_event_id for event in told] == ["evt_of_charge", "evt_of_refund"]
    assert (await shop.get(OPERATOR, "/api/v1/admin/webhook-events?about=%00")).status_code == 422


async def test_all_parked_events_are_put_back_and_one_by_either_of_its_ids(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_REPLAYED_AT_ONCE", 2)
    async with open_shop(run_workers=False) as shop:
        for number in range(5):
            await shop.deliver(an_event("customer.created", {"id": "cus_1"}, event_id=f"evt_{number}"))
        await shop.rows("UPDATE webhook_events SET status = 'parked', attempts = 12, error = 'x' RETURNING 1")
        rows = await _stored(shop)
        for event_id in (rows[0].id, "evt_1"):
            again = await webhooks.put_back(shop.billing.database, COMMAND_LINE, event_id, at=shop.clock.now())
            assert (again.status, again.attempts, again.error) == ("received", 0, None)
        assert len(await _put_back_parked(shop)) == 3
        assert await _put_back_parked(shop) == []
        with pytest.raises(NotFound):
            await webhooks.put_back(shop.billing.database, COMMAND_LINE, "evt_of_nobody", at=shop.clock.now())
        audited = await shop.rows("SELECT action, actor, subject FROM audit")
        assert {(line.action, line.actor) for line in audited} == {("webhook.replayed", "command line")}
        assert sorted(line.subject for line in audited) == sorted(row.id for row in rows)


async def _put_back_parked(shop: Shop) -> list[StoredEvent]:
    return await webhooks.put_back_parked(shop.billing.database, COMMAND_LINE, at=shop.clock.now())


@pytest.mark.parametrize("path", ["/api/v1/admin/webhook-events", "/api/v1/admin/webhook-events/evt_x/replay"])
async def test_customers_do_not_see_events(shop: Shop, path: str) -> None:
    method = "POST" if path.endswith("replay") else "GET"
    refused = await shop.http.request(method, path, headers=headers_for(a_customer(), "billing"))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_replay_of_an_unknown_event_is_not_found(shop: Shop) -> None:
    assert (await shop.post(OPERATOR, "/api/v1/admin/webhook-events/evt_x/replay")).status_code == 404
