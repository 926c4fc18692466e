"""Disputes against the sandbox: what opens, freezes, comes back or stays lost, each once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.billing.domain.checkout_session import Ignored
from services.billing.domain.dispute import DisputeState
from services.billing.domain.disputing import PaymentNotSettledYet
from services.billing.domain.stripe_balance import BalanceTransaction
from services.billing.use_cases.debts import recover_debts
from services.billing.use_cases.disputes import settle_dispute
from services.billing.use_cases.figures import show_figures
from services.billing.use_cases.post_credit import post_debit
from services.billing.use_cases.verify_ledger import verify_ledger
from shared.ids import new_uuid
from shared.money import Money
from shared.service_auth import Caller
from shared.telemetry import REGISTRY
from tests.integration.billing_ledger.asking import charge
from tests.integration.billing_payments.conftest import (
    GOOD_CARD,
    OPERATOR,
    SECRET_KEY,
    OpenShop,
    Shop,
    a_customer,
    an_event,
)
from tests.support.http import eventually
from tests.support.keys import headers_for, service_headers

DISPUTED_CARD = "4000000000000259"
ASKED_ABOUT_CARD = "4000000000001976"
BOUGHT = 5_000_000


async def _bought(shop: Shop, buyer: Caller, card: str = GOOD_CARD) -> Any:
    """A paid payment's row."""
    body = (await shop.checkout(buyer)).json()
    await shop.pay(body["checkout_url"], card)
    await shop.wallet_becomes(buyer.account_id, BOUGHT)
    [row] = await shop.rows("SELECT * FROM payments WHERE id = $1", body["payment_id"])
    return row


async def _spend(shop: Shop, buyer: Caller, millicredits: int) -> None:
    async with shop.billing.database.transaction() as connection:
        await post_debit(
            connection,
            account_id=buyer.account_id,
            transfer_id=new_uuid(at=shop.clock.real_now()),
            millicredits=millicredits,
            description="spent",
            at=shop.clock.now(),
            real_now=shop.clock.real_now(),
        )


async def _control(shop: Shop, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.http.post(f"{shop.sandbox_url}{path}", json=body)
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


async def _at_stripe_itself(shop: Shop, method: str, path: str, **form: str) -> Any:
    """As somebody at Stripe's dashboard."""
    headers = {"authorization": f"Bearer {SECRET_KEY}"}
    answer = await shop.http.request(method, f"{shop.sandbox_url}/v1/{path}", data=form or None, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _dispute_becomes(shop: Shop, **wanted: Any) -> Any:
    """Wait until the only dispute's row has these values, and read it."""

    async def so() -> bool:
        rows = await shop.rows("SELECT * FROM disputes")
        return bool(rows) and all(getattr(rows[0], name) == value for name, value in wanted.items())

    await eventually(so)
    [row] = await shop.rows("SELECT * FROM disputes")
    return row


async def _wallet(shop: Shop, account_id: str) -> dict[str, Any]:
    path = f"/internal/v1/wallets/{account_id}"
    wallet: dict[str, Any] = (await shop.http.get(path, headers=service_headers("billing"))).json()
    return wallet


async def _money(shop: Shop) -> dict[str, int]:
    """Debits less credits of both sub-books, in micros, without what is at zero."""
    rows = await shop.rows("SELECT ledger_account, sum(debit - credit)::bigint AS micros FROM book GROUP BY 1")
    return {row.ledger_account: row.micros for row in rows if row.micros}


async def _at_stripe(shop: Shop) -> int:
    """What the sandbox's balance comes to, in cents of the one currency that is in it."""
    answer = await shop.http.get(
        f"{shop.sandbox_url}/v1/balance_transactions?limit=100", headers={"authorization": f"Bearer {SECRET_KEY}"}
    )
    return sum(each["net"] for each in answer.json()["data"])


async def _replay_all(shop: Shop) -> None:
    for row in await shop.rows("SELECT id FROM webhook_events"):
        assert (await shop.post(OPERATOR, f"/api/v1/admin/webhook-events/{row.id}/replay")).status_code == 200
    await shop.all_events_done(1)


async def _told(shop: Shop) -> Sequence[Any]:
    return await shop.rows("SELECT kind, subject, data FROM outbox WHERE kind LIKE 'dispute.%' ORDER BY id")


async def test_opened_dispute_freezes_and_won_restores_each_once(shop: Shop) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    opened = await _control(shop, f"/test/charges/{payment.charge_id}/dispute", {})
    row = await _dispute_becomes(shop, status="needs_response")

    assert (row.millicredits, row.uncovered_millicredits, row.amount_minor) == (BOUGHT, 0, 500)
    assert await shop.balance(buyer.account_id) == 0
    assert (await shop.payment(buyer, payment.id))["status"] == "disputed"
    wallet = await _wallet(shop, buyer.account_id)
    assert (wallet["frozen_reason"], wallet["standing"]) == ("dispute", "disputed")
    [refused] = await shop.billing.poster.post([charge(buyer.account_id, 1)])
    assert (refused.verdict, refused.reason) == ("account_frozen", "dispute")
    assert (await verify_ledger(shop.billing.database)).balanced

    await _control(shop, f"/test/disputes/{opened['id']}/close", {"status": "won"})
    await shop.wallet_becomes(buyer.account_id, BOUGHT)
    await _dispute_becomes(shop, status="won")
    await _replay_all(shop)

    assert await shop.balance(buyer.account_id) == BOUGHT
    assert (await shop.payment(buyer, payment.id))["status"] == "succeeded"
    wallet = await _wallet(shop, buyer.account_id)
    assert (wallet["frozen_reason"], wallet["standing"]) == (None, "good")
    told = await _told(shop)
    assert [each.kind for each in told] == ["dispute.opened", "dispute.won"]
    assert {each.subject for each in told} == {row.id}
    [card] = await shop.rows("SELECT data->>'card_fingerprint' AS print FROM outbox WHERE kind = 'dispute.opened'")
    assert card.print
    assert (await verify_ledger(shop.billing.database)).balanced
    money = await _money(shop)
    assert {"disputes", "receivables", "payments", "dispute_losses"} & money.keys() == set()
    assert money["stripe_balance"] == await _at_stripe(shop) * 10_000


async def test_lost_dispute_books_its_loss_and_fee_and_marks_the_account(shop: Shop) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    await _spend(shop, buyer, 2_000_000)
    before = await _money(shop)
    opened = await _control(shop, f"/test/charges/{payment.charge_id}/dispute", {"reason": "product_not_received"})
    await shop.wallet_becomes(buyer.account_id, -2_000_000)
    await _control(shop, f"/test/disputes/{opened['id']}/close", {"status": "lost"})
    row = await _dispute_becomes(shop, status="lost")
    await _replay_all(shop)

    assert (row.millicredits, row.uncovered_millicredits) == (BOUGHT, 2_000_000)
    assert await shop.balance(buyer.account_id) == -2_000_000
    assert (await shop.payment(buyer, payment.id))["status"] == "disputed"
    wallet = await _wallet(shop, buyer.account_id)
    assert (wallet["frozen_reason"], wallet["standing"]) == ("negative_balance", "disputed")
    told = await _told(shop)
    assert [each.kind for each in told] == ["dispute.opened", "dispute.lost"]
    assert (told[1].data["reason"], told[1].data["usd_minor"]) == ("product_not_received", 500)
    money = await _money(shop)
    assert money["dispute_losses"] == 2_000_000
    assert money["allowance_for_debts"] == -2_000_000
    assert money["stripe_fees"] - before["stripe_fees"] == 1500 * 10_000
    assert {"disputes", "receivables", "payments"} & money.keys() == set()
    assert money["stripe_balance"] == await _at_stripe(shop) * 10_000
    refund = await shop.http.post(
        f"/api/v1/payments/{payment.id}/refund", json={}, headers=headers_for(OPERATOR, "billing")
    )
    assert (refund.status_code, refund.json()["code"]) == (409, "not_refundable")


async def test_debt_of_a_lost_dispute_that_is_paid_after_all_is_no_loss_and_an_appeal_takes_nothing_twice(
    shop: Shop,
) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    await _spend(shop, buyer, 2_000_000)
    opened = await _control(shop, f"/test/charges/{payment.charge_id}/dispute", {})
    await _control(shop, f"/test/disputes/{opened['id']}/close", {"status": "lost"})
    await _dispute_becomes(shop, status="lost")
    await recover_debts(shop.billing)
    assert (await _money(shop))["dispute_losses"] == 2_000_000

    await shop.pay((await shop.checkout(buyer)).json()["checkout_url"])
    await shop.wallet_becomes(buyer.account_id, 3_000_000)
    await asyncio.gather(*(recover_debts(shop.billing) for _ in range(3)))
    assert {"dispute_losses", "allowance_for_debts"} & (await _money(shop)).keys() == set()

    await _spend(shop, buyer, 3_000_000)
    await recover_debts(shop.billing)
    assert {"dispute_losses", "allowance_for_debts"} & (await _money(shop)).keys() == set()
    async with shop.billing.database.transaction() as connection:
        [row] = await shop.rows("SELECT * FROM disputes")
        won = DisputeState(opened["id"], row.charge_id, None, Money(500, "usd"), "won", "general", None, ())
        await settle_dispute(shop.billing, connection, won)
    await recover_debts(shop.billing)
    assert {"dispute_losses", "allowance_for_debts"} & (await _money(shop)).keys() == set()
    assert await shop.balance(buyer.account_id) == BOUGHT


@pytest.mark.parametrize(("mode", "currency"), [("double", "usd"), ("shuffle", "eur")])
async def test_card_that_disputes_itself_ends_the_same_however_its_events_come(
    shop: Shop, mode: str, currency: str
) -> None:
    buyer = a_customer()
    await shop.sandbox_control("/test/delivery", {"mode": mode})
    body = (await shop.checkout(buyer, currency=currency)).json()
    await shop.pay(body["checkout_url"], DISPUTED_CARD)
    row = await _dispute_becomes(shop, status="needs_response")
    await shop.all_events_done(6)
    await _control(shop, f"/test/disputes/{row.stripe_dispute_id}/close", {"status": "won"})
    await _dispute_becomes(shop, status="won")
    await shop.all_events_done(8)

    assert await shop.balance(buyer.account_id) == BOUGHT
    assert (await shop.payment(buyer, body["payment_id"]))["status"] == "succeeded"
    kinds = [each.kind for each in await shop.rows("SELECT kind FROM transfers ORDER BY position")]
    assert kinds == ["purchase", "dispute", "dispute_won"]
    assert [each.kind for each in await _told(shop)] == ["dispute.opened", "dispute.won"]
    money = await _money(shop)
    assert {"disputes", "receivables", "payments", "suspense"} & money.keys() == set()
    assert money["stripe_balance"] == await _at_stripe(shop) * 10_000


async def test_dispute_that_is_heard_of_before_a_refund_takes_what_the_refund_left(shop: Shop) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    await shop.all_events_done(5)
    await shop.sandbox_control("/test/delivery", {"mode": "drop"})
    stripe = shop.billing.stripe
    await stripe.ask(stripe.v1.refunds.create_async({"charge": payment.charge_id, "amount": 123}))
    opened = await _control(shop, f"/test/charges/{payment.charge_id}/dispute", {})
    assert opened["amount"] == 377
    assert (await shop.deliver(an_event("charge.dispute.created", {"id": opened["id"]}))).status_code == 200
    row = await _dispute_becomes(shop, status="needs_response")

    assert (row.millicredits, await shop.balance(buyer.account_id)) == (3_770_000, 0)
    await _control(shop, f"/test/disputes/{opened['id']}/close", {"status": "won"})
    await shop.deliver(an_event("charge.dispute.closed", {"id": opened["id"]}))
    await shop.wallet_becomes(buyer.account_id, 3_770_000)
    assert (await shop.payment(buyer, payment.id))["status"] == "partially_refunded"


async def test_operators_list_and_read_disputes_and_customers_do_not(shop: Shop) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    await _settle(shop, _state(payment, "needs_response"))
    await _settle(shop, _state(payment, "warning_needs_response", number=2))

    await show_figures(shop.billing)
    assert REGISTRY.get_sample_value("tollgate_disputes_due") == 2
    assert -60 < (REGISTRY.get_sample_value("tollgate_disputes_due_seconds") or 0) < 0, "both are due just now"
    listed = (await shop.get(OPERATOR, "/api/v1/admin/disputes?limit=1")).json()
    rest = (await shop.get(OPERATOR, f"/api/v1/admin/disputes?after={listed['next']}")).json()
    filtered = (await shop.get(OPERATOR, "/api/v1/admin/disputes?status=needs_response")).json()["data"]
    one = await shop.get(OPERATOR, f"/api/v1/admin/disputes/{filtered[0]['id']}")

    assert [each["status"] for each in listed["data"]] == ["warning_needs_response"]
    assert rest["data"] == filtered == [one.json()]
    assert (one.json()["payment_id"], one.json()["credits"]) == (payment.id, 5000)
    assert (one.json()["amount"], one.json()["uncovered"]) == ({"amount": 500, "currency": "usd"}, 0)
    for path, status in (
        ("/api/v1/admin/disputes/dsp_01JAAAAAAAAAAAAAAAAAAAAAAA", 404),
        ("/api/v1/admin/disputes/du_1", 404),
        ("/api/v1/admin/disputes?status=sad", 422),
        ("/api/v1/admin/disputes?after=dsp_01JAAAAAAAAAAAAAAAAAAAAAAA", 422),
    ):
        assert (await shop.get(OPERATOR, path)).status_code == status, path
    assert (await shop.get(buyer, "/api/v1/admin/disputes")).status_code == 403


async def _answer(shop: Shop, dispute_id: str, body: dict[str, Any]) -> httpx.Response:
    path = f"/api/v1/admin/disputes/{dispute_id}/evidence"
    return await shop.http.post(path, json=body, headers=headers_for(OPERATOR, "billing"))


async def test_evidence_goes_to_the_bank_once(shop: Shop) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    await _control(shop, f"/test/charges/{payment.charge_id}/dispute", {})
    row = await _dispute_becomes(shop, status="needs_response")

    for nothing in ({}, {"text": " "}, {"text": "x" * 20_001}, {"text": "x", "file": "y"}):
        assert (await _answer(shop, row.id, nothing)).status_code == 422
    await shop.sandbox_control("/test/faults", {"status": 500, "times": 3, "path": "/v1/disputes"})
    assert (await _answer(shop, row.id, {"text": "It was used."})).status_code == 503
    sent = await _answer(shop, row.id, {"text": "It was used.", "access_log": "2026-11-01 GET /v1/models"})
    again = await _answer(shop, row.id, {"text": "It was used, really."})

    assert (sent.status_code, sent.json()["status"]) == (200, "under_review"), sent.text
    assert (again.status_code, again.json()["code"]) == (409, "dispute_not_answerable")
    assert (await _wallet(shop, buyer.account_id))["frozen_reason"] == "dispute"
    assert (await _answer(shop, "dsp_01JAAAAAAAAAAAAAAAAAAAAAAA", {})).status_code == 404

    audited = await shop.rows("SELECT action, actor, details FROM audit WHERE subject = $1 ORDER BY id", row.id)
    begun, submitted = "dispute.evidence_begun", "dispute.evidence"
    assert [each.action for each in audited] == [begun, begun, submitted]
    assert {each.actor for each in audited} == {OPERATOR.account_id}
    assert audited[-1].details["characters"] == {"text": 12, "access_log": 25}
    explained = await shop.get(OPERATOR, f"/api/v1/admin/payments/{payment.id}/explain")
    told = [line for line in explained.json()["story"] if line["text"].startswith("An operator answered the dispute")]
    assert [(line["dispute_id"], line["done_by"]) for line in told] == [(row.id, OPERATOR.account_id)]


def _state(payment: Any, status: str, *, number: int = 1, amount: int = 500, movements: int = 0) -> DisputeState:
    """A dispute as Stripe would tell of it, after so many movements of its money."""
    at, dispute_id = datetime.now(UTC), f"du_{number}"
    signed = (-amount, amount)[:movements]
    return DisputeState(
        id=dispute_id,
        charge_id=payment.charge_id or "ch_of_nobody",
        intent_id=payment.intent_id,
        amount=Money(amount, "usd"),
        status=status,
        reason="fraudulent",
        due_by=at,
        transactions=tuple(
            BalanceTransaction(f"txn_{number}_{each}", "adjustment", "dispute", each, 0, each, "usd", dispute_id, at)
            for each in signed
        ),
        payment_id=payment.id,
    )


async def _settle(shop: Shop, state: DisputeState) -> Ignored | None:
    async with shop.billing.database.transaction() as connection:
        return await settle_dispute(shop.billing, connection, state)


async def test_dispute_that_comes_before_its_payment_waits_for_it(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        body = (await shop.checkout(a_customer())).json()
        [payment] = await shop.rows("SELECT * FROM payments WHERE id = $1", body["payment_id"])
        with pytest.raises(PaymentNotSettledYet, match=payment.id):
            await _settle(shop, _state(payment, "needs_response"))
        stranger = replace(_state(payment, "needs_response"), payment_id=None)
        assert await _settle(shop, stranger) == Ignored("no payment here has this charge")
        assert await shop.rows("SELECT * FROM disputes") == []


async def test_states_at_once_and_in_any_order_take_and_give_back_once(shop: Shop) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    states = [
        _state(payment, "won", movements=2),
        _state(payment, "needs_response"),
        _state(payment, "under_review", movements=1),
        _state(payment, "warning_under_review"),
    ]
    await asyncio.gather(*(_settle(shop, state) for state in states * 3))

    assert await shop.balance(buyer.account_id) == BOUGHT
    [row] = await shop.rows("SELECT * FROM disputes")
    assert (row.status, row.millicredits, row.lost_at) == ("won", BOUGHT, None)
    [wallet] = await shop.rows("SELECT open_disputes FROM wallets WHERE account_id = $1", buyer.account_id)
    assert wallet.open_disputes == 0
    transfers = await shop.rows("SELECT kind FROM transfers WHERE account_id = $1 ORDER BY position", buyer.account_id)
    assert [each.kind for each in transfers] == ["purchase", "dispute", "dispute_won"]


async def test_payment_stays_disputed_until_its_last_dispute_has_ended_well(shop: Shop) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    await _settle(shop, _state(payment, "needs_response", number=1, amount=200))
    await _settle(shop, _state(payment, "needs_response", number=2, amount=300))
    assert await shop.balance(buyer.account_id) == 0
    await _settle(shop, _state(payment, "won", number=1, amount=200))

    assert await shop.balance(buyer.account_id) == 2_000_000
    assert (await shop.payment(buyer, payment.id))["status"] == "disputed"
    assert (await _wallet(shop, buyer.account_id))["frozen_reason"] == "dispute"
    await _settle(shop, _state(payment, "lost", number=2, amount=300))
    assert (await shop.payment(buyer, payment.id))["status"] == "disputed"
    wallet = await _wallet(shop, buyer.account_id)
    assert (wallet["frozen_reason"], wallet["standing"]) == (None, "disputed")
    await _settle(shop, _state(payment, "won", number=2, amount=300))
    assert await shop.balance(buyer.account_id) == BOUGHT
    assert (await shop.payment(buyer, payment.id))["status"] == "succeeded"


async def test_inquiry_is_recorded_and_takes_nothing(shop: Shop) -> None:
    buyer = a_customer()
    payment = await _bought(shop, buyer)
    await _settle(shop, _state(payment, "warning_needs_response"))
    await _settle(shop, _state(payment, "warning_closed"))

    [row] = await shop.rows("SELECT * FROM disputes")
    assert (row.status, row.opened_at, row.millicredits) == ("warning_closed", None, 0)
    assert await shop.balance(buyer.account_id) == BOUGHT
    assert (await shop.payment(buyer, payment.id))["status"] == "succeeded"
    assert await _told(shop) == []
    unknown = await _settle(shop, replace(_state(payment, "mediated"), id="du_9"))
    assert unknown == Ignored("disputes of the status mediated are not known here")


async def test_refund_that_fails_after_a_chargeback_of_the_whole_leaves_nothing(shop: Shop) -> None:
    """A bank that only asked at first may take back all, a refund's part too; where the refund then fails, its money
    is ours again, and its credits are the dispute's."""
    buyer = a_customer()
    payment = await _bought(shop, buyer, ASKED_ABOUT_CARD)
    refund = await _at_stripe_itself(shop, "POST", "refunds", charge=payment.charge_id, amount="200")
    await shop.wallet_becomes(buyer.account_id, 3_000_000)
    [inquiry] = (await _at_stripe_itself(shop, "GET", "disputes"))["data"]
    await _control(shop, f"/test/disputes/{inquiry['id']}/escalate", {})
    await _dispute_becomes(shop, status="needs_response", millicredits=3_000_000)
    await _control(shop, f"/test/refunds/{refund['id']}/fail", {})
    row = await _dispute_becomes(shop, status="needs_response", millicredits=BOUGHT)
    await _replay_all(shop)

    assert await shop.balance(buyer.account_id) == 0
    money = await _money(shop)
    assert {"disputes", "refunds", "receivables", "payments", "dispute_losses"} & money.keys() == set()
    assert money["stripe_balance"] == await _at_stripe(shop) * 10_000
    story = (await shop.get(OPERATOR, f"/api/v1/admin/payments/{payment.id}/explain")).json()["story"]
    told = [line["text"] for line in story if line["kind"] == "dispute"]
    assert "The dispute opened: it froze the account and took 3000 credits." in told
    assert "A refund failed: the dispute, which covers it, took 2000 credits more." in told

    await _control(shop, f"/test/disputes/{inquiry['id']}/close", {"status": "won"})
    await shop.wallet_becomes(buyer.account_id, BOUGHT)
    assert {"disputes", "receivables", "dispute_losses"} & (await _money(shop)).keys() == set()
    assert [each.kind for each in await _told(shop)] == ["dispute.opened", "dispute.won"]
    assert (await verify_ledger(shop.billing.database)).balanced
    assert row.taken_by is not None
