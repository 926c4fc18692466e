"""Payments that fraud holds: what a person's decision does, once and in whatever order things happen (S15)."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.billing.domain.payment import PaymentId
from services.billing.store.review_decisions import Decision
from services.billing.use_cases.reviews import decide, do_decisions
from shared.ids import new_id
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import OPERATOR, OpenShop, Shop, a_customer
from tests.integration.billing_payments.test_top_ups import gateway_of, mailed, payments_of, save_card, switch_on
from tests.support.http import eventually, running
from tests.support.keys import headers_for

LARGE = 50_000
"""Credits for $50, which `a_wary_fraud` holds."""
SECOND_OPERATOR = Caller("acct_second_operator", "operator")


async def a_wary_fraud(shop: Shop) -> None:
    """A rule is live that holds payments of some size."""
    rules = f"{shop.billing.settings.fraud_url}/api/v1/admin/fraud/rules"
    holding = {"code": "of_some_size", "expression": "amount_usd_minor >= 4000", "weight_bp": 7_500, "detail": "Large."}
    first, second = headers_for(OPERATOR, "fraud"), headers_for(SECOND_OPERATOR, "fraud")
    rule = (await shop.http.post(rules, json=holding, headers=first)).json()["id"]
    for step, headers in (("shadow", first), ("promote", second)):
        answer = await shop.http.post(f"{rules}/{rule}/versions/1/{step}", json={}, headers=headers)
        assert answer.status_code == 200, answer.text

    async def is_known() -> bool:
        asked: Any = {"payment_id": new_id("pay", at=shop.clock.now()), "account_id": OPERATOR.account_id}
        asked |= {"kind": "credits", "amount_usd_minor": 5_000, "currency": "usd"}
        return (await shop.billing.fraud.assess(asked))["decision"] == "review"

    await eventually(is_known)


@pytest.fixture
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        await a_wary_fraud(opened)
        yield opened


async def held(shop: Shop, buyer: Caller, **more: Any) -> str:
    """A checkout that waits in review."""
    answer = await shop.checkout(buyer, LARGE, **more)
    assert answer.status_code == 202, answer.text
    payment_id: str = answer.json()["payment_id"]
    return payment_id


async def case_of(shop: Shop, payment_id: str) -> str:
    headers = headers_for(OPERATOR, "fraud")
    answer = await shop.http.get(f"{shop.billing.settings.fraud_url}/api/v1/admin/reviews", headers=headers)
    [case_id] = [case["id"] for case in answer.json()["data"] if case["payment_id"] == payment_id]
    assert isinstance(case_id, str)
    return case_id


async def operator_says(shop: Shop, payment_id: str, verb: str) -> None:
    case_id = await case_of(shop, payment_id)
    answer = await shop.http.post(
        f"{shop.billing.settings.fraud_url}/api/v1/admin/reviews/{case_id}/{verb}",
        json={},
        headers=headers_for(OPERATOR, "fraud"),
    )
    assert answer.status_code == 200, answer.text


async def becomes(shop: Shop, buyer: Caller, payment_id: str, status: str) -> dict[str, Any]:
    async def there() -> Any:
        found = await shop.payment(buyer, payment_id)
        return found if found["status"] == status else None

    found: dict[str, Any] = await eventually(there, within_seconds=10)
    return found


async def decided(shop: Shop, payment_id: str, decision: Any, *, times: int = 1) -> None:
    """A decision as news brings it, and the loop's look at it."""
    for _ in range(times):
        async with shop.billing.database.transaction() as connection:
            told = Decision(payment_id, decision, OPERATOR.account_id)
            await decide(shop.billing, connection, told, at=shop.clock.now())
        await do_decisions(shop.billing)


async def outcomes(shop: Shop) -> list[str | None]:
    return [row.outcome for row in await shop.rows("SELECT outcome FROM review_decisions ORDER BY decision")]


async def test_approved_checkout_gets_its_page_by_mail_and_is_paid_once(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await held(shop, buyer)
    assert [reason["code"] for reason in (await shop.payment(buyer, payment_id))["reasons"]] == ["of_some_size"]
    await operator_says(shop, payment_id, "approve")
    page = (await becomes(shop, buyer, payment_id, "pending"))["checkout_url"]
    [(template, values)] = await mailed(shop, buyer)
    assert (template, values["amount"], values["checkout_url"]) == ("payment_approved", "50000 credits", page)
    await decided(shop, payment_id, "approved", times=2)
    assert (await shop.payment(buyer, payment_id))["checkout_url"] == page
    await shop.pay(page)
    await shop.wallet_becomes(buyer.account_id, LARGE * 1_000)
    steps = await shop.rows("SELECT to_status, cause, reference FROM payment_steps ORDER BY seq")
    assert ("pending", "review", OPERATOR.account_id) in [(row.to_status, row.cause, row.reference) for row in steps]
    assert await outcomes(shop) == ["released"]


async def test_rejected_payment_is_blocked_reserves_nothing_and_says_so(shop: Shop) -> None:
    buyer = a_customer(credit_limit_minor=5_000)
    payment_id = await held(shop, buyer)
    assert (await shop.checkout(buyer)).json()["code"] == "credit_limit_exceeded"
    await operator_says(shop, payment_id, "reject")
    await becomes(shop, buyer, payment_id, "blocked")
    assert await mailed(shop, buyer) == [("payment_rejected", {"amount": "50000 credits"})]
    await decided(shop, payment_id, "approved")
    assert (await shop.payment(buyer, payment_id))["status"] == "blocked"
    assert (await shop.checkout(buyer)).status_code == 201


async def test_payment_that_its_customer_left_is_not_brought_back(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await held(shop, buyer)
    await shop.post(buyer, f"/api/v1/payments/{payment_id}/cancel")
    await decided(shop, payment_id, "approved")
    await decided(shop, payment_id, "rejected")
    assert (await shop.payment(buyer, payment_id))["status"] == "canceled"
    assert await mailed(shop, buyer) == []
    assert await outcomes(shop) == ["not_held", "not_held"]


async def test_decision_that_comes_before_the_judgement_is_saved_is_done_after_it(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await held(shop, buyer)
    await shop.rows("UPDATE payments SET status = 'pending' RETURNING id")
    await decided(shop, payment_id, "approved")
    assert await outcomes(shop) == [None]
    await shop.rows("UPDATE payments SET status = 'in_review' RETURNING id")
    assert "checkout_url" in await becomes(shop, buyer, payment_id, "pending")


async def test_rejecting_a_payment_at_its_page_ends_the_page_and_a_paid_one_is_marked(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await decided(shop, body["payment_id"], "rejected")
    await becomes(shop, buyer, body["payment_id"], "blocked")
    assert (await shop.pay(body["checkout_url"])).status_code != 303
    paid = (await shop.checkout(buyer)).json()
    await shop.pay(paid["checkout_url"])
    await decided(shop, paid["payment_id"], "rejected")
    await becomes(shop, buyer, paid["payment_id"], "succeeded")
    await shop.wallet_becomes(buyer.account_id, 5_000_000)
    [row] = await shop.rows("SELECT flags FROM payments WHERE status = 'succeeded'")
    assert row.flags == ["rejected_in_review"]


@pytest.fixture
async def topping_up(open_shop: OpenShop) -> AsyncIterator[Shop]:
    """What accounts buy by themselves is held."""
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(running(gateway_of("verified")))
        opened = await stack.enter_async_context(open_shop(gateway_url=url))
        await a_wary_fraud(opened)
        yield opened


async def held_top_up(shop: Shop, buyer: Caller) -> PaymentId:
    await save_card(shop, buyer)
    assert (await switch_on(shop, buyer, credits=LARGE, monthly_cap=LARGE)).status_code == 200

    async def waits() -> Any:
        found = await payments_of(shop, buyer)
        return [each for each in found if each["status"] == "in_review"]

    [payment] = await eventually(waits, within_seconds=10)
    return PaymentId(payment["id"])


async def test_approved_top_up_is_charged_once(topping_up: Shop) -> None:
    shop, buyer = topping_up, a_customer()
    payment_id = await held_top_up(shop, buyer)
    await operator_says(shop, payment_id, "approve")
    await shop.wallet_becomes(buyer.account_id, LARGE * 1_000, within_seconds=10)
    await decided(shop, payment_id, "approved", times=2)
    assert await shop.balance(buyer.account_id) == LARGE * 1_000
    assert await outcomes(shop) == ["released"]


@pytest.mark.parametrize("change", ["stopped = 'refunded'", "stopped = 'disputed'", "enabled = false"])
async def test_top_up_that_was_stopped_while_it_was_held_is_not_charged(topping_up: Shop, change: str) -> None:
    shop, buyer = topping_up, a_customer()
    payment_id = await held_top_up(shop, buyer)
    await shop.rows(f"UPDATE auto_top_ups SET {change} RETURNING account_id")  # noqa: S608
    await decided(shop, payment_id, "approved")
    await becomes(shop, buyer, payment_id, "canceled")
    assert await shop.balance(buyer.account_id) == 0
    [setting] = await shop.rows("SELECT declines FROM auto_top_ups")
    assert setting.declines == 0
