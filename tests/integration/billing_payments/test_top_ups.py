"""Saved cards and automatic top-ups, from the page on which a card is saved to the credits that come by themselves."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.billing.domain.stripe_events import ApplyCustomer
from services.billing.use_cases.auto_top_up import AT_ONCE, buy_due
from services.billing.use_cases.saved_cards import customer_of
from services.billing.use_cases.stripe_news import apply, fetch
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import OpenShop, Shop, a_customer
from tests.integration.billing_payments.refunding import REFUND_FAILS, bought, refund
from tests.support.http import eventually, running
from tests.support.keys import headers_for

GOOD, DECLINES_LATER, ASKS_ITS_OWNER = "4242424242424242", "4000000000000341", "4000002760003184"


ASK = "/internal/v1/accounts/{id}"


def gateway_of(tier: str) -> Starlette:
    async def account(request: Request) -> JSONResponse:
        return JSONResponse(
            {"id": request.path_params["id"], "tier": tier, "status": "active", "credit_limit_minor": None}
        )

    return Starlette(routes=[Route(ASK, account)])


class Telling:
    """A gateway that answers for each account what a test says: active where it says nothing."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, object] = {}
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.app = Starlette(routes=[Route(ASK, self._account)])

    async def _account(self, request: Request) -> JSONResponse:
        self.asked.append(request.path_params["id"])
        if self.meanwhile is not None:
            await self.meanwhile()
        active = {"tier": "verified", "status": "active", "credit_limit_minor": None}
        return JSONResponse(self.answers.get(self.asked[-1], active))


@pytest.fixture
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    """A shop whose accounts are verified, and where nothing waits for long."""
    async with contextlib.AsyncExitStack() as stack:
        gateway_url = await stack.enter_async_context(running(gateway_of("verified")))
        yield await stack.enter_async_context(open_shop(gateway_url=gateway_url, top_up_cooldown_seconds=1))


async def ask(shop: Shop, buyer: Caller, method: str, path: str, body: object | None = None) -> Any:
    answer = await shop.http.request(method, path, json=body, headers=headers_for(buyer, "billing"))
    return answer


async def save_card(shop: Shop, buyer: Caller, number: str = GOOD) -> dict[str, Any]:
    page = (await ask(shop, buyer, "POST", "/api/v1/payment-methods", {})).json()["setup_url"]
    answer = await shop.pay(page, number)
    while "three_d_secure" in answer.headers.get("location", "") or "/3ds" in answer.headers.get("location", ""):
        answer = await shop.http.post(answer.headers["location"], data={"outcome": "complete"})
    assert answer.status_code == 303, answer.text

    async def saved() -> Any:
        return (await ask(shop, buyer, "GET", "/api/v1/payment-methods")).json()["data"]

    cards = await eventually(saved)
    assert [card["last4"] for card in cards] == [number[-4:]]
    found: dict[str, Any] = cards[0]
    return found


async def switch_on(shop: Shop, buyer: Caller, **change: Any) -> Any:
    wanted = {"enabled": True, "threshold": 1_000, "credits": 5_000, "monthly_cap": 10_000, **change}
    answer = await ask(shop, buyer, "PUT", "/api/v1/auto-top-up", wanted)
    return answer


async def setting_of(shop: Shop, buyer: Caller) -> Any:
    return (await ask(shop, buyer, "GET", "/api/v1/auto-top-up")).json()


async def payments_of(shop: Shop, buyer: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await shop.get(buyer, "/api/v1/payments")).json()["data"]
    return found


async def mailed(shop: Shop, buyer: Caller) -> list[tuple[str, dict[str, str]]]:
    """The templates and values of the mails that were asked for."""
    found = await shop.rows("SELECT template, content FROM mails WHERE account_id = $1", buyer.account_id)
    return [(row.template, row.content) for row in found]


async def test_low_credits_buy_more_once_and_no_more_than_the_months_cap(shop: Shop) -> None:
    buyer = a_customer()
    assert (await switch_on(shop, buyer)).json()["code"] == "no_payment_method"
    card = await save_card(shop, buyer)
    assert card["is_default"] and card["brand"] == "visa"
    assert (await switch_on(shop, buyer, threshold=100_000)).status_code == 200
    await shop.wallet_becomes(buyer.account_id, 10_000_000, within_seconds=15)
    for _ in range(3):
        await buy_due(shop.billing)
    assert await shop.balance(buyer.account_id) == 10_000_000
    assert [payment["status"] for payment in await payments_of(shop, buyer)] == ["succeeded", "succeeded"]

    async def waits() -> Any:
        await buy_due(shop.billing)
        return (await setting_of(shop, buyer))["waits_for"] == "monthly_cap"

    await eventually(waits, within_seconds=10)
    told = await setting_of(shop, buyer)
    assert told["status"] == "waiting"
    assert (told["bought_this_month"], told["declines"]) == (10_000, 0)
    begun = await shop.rows("SELECT cause, used_minor FROM payment_steps WHERE from_status IS NULL ORDER BY seq")
    assert [(row.cause, row.used_minor) for row in begun] == [("top_up", 0), ("top_up", 500)]
    judged = await shop.rows("SELECT score FROM payments WHERE assessment_id IS NOT NULL")
    assert len(judged) == 2


async def test_the_card_that_pays_is_kept_where_the_buyer_says_so(shop: Shop) -> None:
    buyer, other = a_customer(), a_customer()
    for who, keeps in ((buyer, True), (other, False)):
        await shop.pay((await shop.checkout(who, save_card=keeps)).json()["checkout_url"])
        await shop.wallet_becomes(who.account_id, 5_000_000, within_seconds=10)

    async def kept() -> Any:
        return (await ask(shop, buyer, "GET", "/api/v1/payment-methods")).json()["data"]

    assert [card["last4"] for card in await eventually(kept, within_seconds=10)] == ["4242"]
    assert (await ask(shop, other, "GET", "/api/v1/payment-methods")).json()["data"] == []


async def test_declines_in_a_row_stop_it_and_say_so(shop: Shop) -> None:
    buyer = a_customer()
    await save_card(shop, buyer, DECLINES_LATER)
    await switch_on(shop, buyer)

    async def stopped() -> bool:
        shop.clock.ahead += timedelta(minutes=20)
        await buy_due(shop.billing)
        return bool((await setting_of(shop, buyer))["status"] == "stopped")

    await eventually(stopped, within_seconds=20)
    told = await setting_of(shop, buyer)
    assert (told["stopped_reason"], told["declines"]) == ("declined", 3)
    because = {"amount": "5,000 credits", "reason": "your card was declined too often in a row"}
    assert await mailed(shop, buyer) == [("top_up_stopped", because)]
    failed = await payments_of(shop, buyer)
    assert {(payment["status"], payment["failure"]["code"]) for payment in failed} == {("failed", "generic_decline")}
    assert (await switch_on(shop, buyer, enabled=False)).json()["status"] == "off"


async def test_a_bank_that_asks_its_customer_gets_him_by_a_link(shop: Shop) -> None:
    buyer = a_customer()
    await save_card(shop, buyer, ASKS_ITS_OWNER)
    await switch_on(shop, buyer)

    async def link() -> Any:
        return next((payment.get("next_action_url") for payment in await payments_of(shop, buyer)), None)

    page = await eventually(link, within_seconds=10)
    assert [payment["status"] for payment in await payments_of(shop, buyer)] == ["requires_action"]
    assert await mailed(shop, buyer) == [("top_up_needs_you", {"amount": "5,000 credits", "link": page})]
    assert (await shop.pay(page)).status_code == 303
    await shop.wallet_becomes(buyer.account_id, 5_000_000, within_seconds=10)
    assert [payment["status"] for payment in await payments_of(shop, buyer)] == ["succeeded"]


@pytest.mark.long
async def test_an_answer_of_stripes_that_is_lost_charges_once(shop: Shop) -> None:
    buyer = a_customer()
    await save_card(shop, buyer)
    await shop.sandbox_control(
        "/test/faults", {"status": 500, "times": 9, "path": "/v1/payment_intents", "after": True}
    )
    await switch_on(shop, buyer)
    await shop.wallet_becomes(buyer.account_id, 5_000_000, within_seconds=15)
    await shop.sandbox_control("/test/faults", {"status": 500, "times": 0, "path": "/v1/payment_intents"})
    assert [payment["status"] for payment in await payments_of(shop, buyer)] == ["succeeded"]


async def test_a_card_that_is_forgotten_is_charged_no_more(shop: Shop) -> None:
    buyer, stranger = a_customer(), a_customer()
    card = await save_card(shop, buyer)
    assert (await ask(shop, stranger, "DELETE", f"/api/v1/payment-methods/{card['id']}")).status_code == 404
    await switch_on(shop, buyer, enabled=False)
    assert (await ask(shop, buyer, "DELETE", f"/api/v1/payment-methods/{card['id']}")).status_code == 204
    assert (await ask(shop, buyer, "GET", "/api/v1/payment-methods")).json()["data"] == []
    assert (await switch_on(shop, buyer)).json()["code"] == "no_payment_method"


async def test_card_that_was_removed_does_not_come_back_with_what_was_read_before(shop: Shop) -> None:
    buyer = a_customer()
    card = await save_card(shop, buyer)
    before = await fetch(shop.billing, ApplyCustomer(await customer_of(shop.billing, buyer.account_id)))
    assert (await ask(shop, buyer, "DELETE", f"/api/v1/payment-methods/{card['id']}")).status_code == 204
    async with shop.billing.database.transaction() as connection:
        late = await apply(shop.billing, connection, before)
    assert late is not None and "anew" in late.reason
    assert (await ask(shop, buyer, "GET", "/api/v1/payment-methods")).json()["data"] == []


async def test_the_default_is_the_card_saved_last_until_its_owner_chooses_another(shop: Shop) -> None:
    buyer, stranger = a_customer(), a_customer()
    first = await save_card(shop, buyer)
    page = (await ask(shop, buyer, "POST", "/api/v1/payment-methods", {})).json()["setup_url"]
    assert (await shop.pay(page, DECLINES_LATER)).status_code == 303

    async def defaults() -> list[tuple[str, bool]]:
        cards = (await ask(shop, buyer, "GET", "/api/v1/payment-methods")).json()["data"]
        return [(card["last4"], card["is_default"]) for card in cards]

    async def both() -> bool:
        return await defaults() == [("0341", True), ("4242", False)]

    await eventually(both)
    path = f"/api/v1/payment-methods/{first['id']}/default"
    assert (await ask(shop, stranger, "POST", path)).status_code == 404
    for _ in range(2):
        chosen = await ask(shop, buyer, "POST", path)
        assert (chosen.status_code, chosen.json()) == (200, {**first, "is_default": True})
    assert await defaults() == [("4242", True), ("0341", False)]
    assert (await ask(shop, buyer, "POST", "/api/v1/payment-methods/pm_unknown/default")).status_code == 404


async def test_customer_that_was_deleted_at_stripe_is_made_anew(shop: Shop) -> None:
    buyer = a_customer()
    first = await save_card(shop, buyer)
    customer_id = await customer_of(shop.billing, buyer.account_id)
    await shop.billing.stripe.ask(shop.billing.stripe.v1.customers.delete_async(customer_id))

    async def gone() -> bool:
        return (await ask(shop, buyer, "GET", "/api/v1/payment-methods")).json()["data"] == []

    await eventually(gone)
    second = await save_card(shop, buyer)
    assert second["id"] != first["id"]
    assert await customer_of(shop.billing, buyer.account_id) != customer_id


@pytest.fixture
async def telling(open_shop: OpenShop) -> AsyncIterator[tuple[Shop, Telling]]:
    """A shop without loops, whose accounts have no card, and its gateway: who is looked at is stopped for `no_card`."""
    gateway = Telling()
    async with contextlib.AsyncExitStack() as stack:
        gateway_url = await stack.enter_async_context(running(gateway.app))
        yield await stack.enter_async_context(open_shop(gateway_url=gateway_url, run_workers=False)), gateway


async def runs_low(shop: Shop, number: int) -> str:
    """An account that is due, the lower its number the longer."""
    account_id = a_customer().account_id
    await shop.rows(
        "INSERT INTO auto_top_ups (account_id, enabled, threshold, amount, monthly_cap, next_at, updated_at)"
        " VALUES ($1, true, 1000000, 5000000, 10000000, now() - interval '1 day' + $2 * interval '1 s', now())"
        " RETURNING account_id",
        account_id,
        float(number),
    )
    return account_id


async def stopped_of(shop: Shop, account_id: str) -> str | None:
    [row] = await shop.rows("SELECT stopped FROM auto_top_ups WHERE account_id = $1", account_id)
    stopped: str | None = row.stopped
    return stopped


@pytest.mark.parametrize("told", [{"tier": "verified", "status": "suspended", "credit_limit_minor": None}, "nonsense"])
async def test_accounts_that_cannot_be_topped_up_hold_up_nobody_and_are_asked_about_ever_more_seldom(
    telling: tuple[Shop, Telling], told: object
) -> None:
    shop, gateway = telling
    waits = [await runs_low(shop, number) for number in range(AT_ONCE)]
    gateway.answers = dict.fromkeys(waits, told)
    healthy = await runs_low(shop, AT_ONCE)

    assert [await buy_due(shop.billing) for _ in range(3)] == [True, False, False]
    assert sorted(gateway.asked) == sorted([*waits, healthy])
    assert await stopped_of(shop, healthy) == "no_card"

    gateway.asked.clear()
    pauses = []
    for seconds in (31, 31, 31, 700, 601):
        shop.clock.ahead += timedelta(seconds=seconds)
        await buy_due(shop.billing)
        pauses.append(len(gateway.asked) // AT_ONCE)
    assert pauses == [1, 1, 2, 3, 4]


async def test_wallet_that_is_frozen_while_its_account_is_looked_at_buys_nothing(
    telling: tuple[Shop, Telling],
) -> None:
    shop, gateway = telling
    account_id = await runs_low(shop, 1)

    async def dispute_opens() -> None:
        await shop.rows(
            "INSERT INTO wallets (account_id, opened_at) VALUES ($1, now()) RETURNING account_id", account_id
        )
        await shop.rows("UPDATE wallets SET open_disputes = 1 WHERE account_id = $1 RETURNING account_id", account_id)

    gateway.meanwhile = dispute_opens
    assert not await buy_due(shop.billing)
    assert gateway.asked == [account_id]
    assert await stopped_of(shop, account_id) is None


async def test_setting_that_changes_while_its_account_is_looked_at_is_left_to_the_next_look(
    telling: tuple[Shop, Telling],
) -> None:
    shop, gateway = telling
    account_id = await runs_low(shop, 1)

    async def changed() -> None:
        await shop.rows("UPDATE auto_top_ups SET next_at = now() RETURNING account_id")
        gateway.meanwhile = None

    gateway.meanwhile = changed
    await buy_due(shop.billing)
    assert await stopped_of(shop, account_id) is None
    await buy_due(shop.billing)
    assert await stopped_of(shop, account_id) == "no_card"


@pytest.mark.long
async def test_refund_stops_it_until_the_customer_says_otherwise_also_where_the_refund_fails(shop: Shop) -> None:
    buyer = a_customer()
    await save_card(shop, buyer)
    payment_id = await bought(shop, buyer, card=REFUND_FAILS)
    assert (await switch_on(shop, buyer)).json()["status"] == "active"
    assert (await refund(shop, payment_id)).status_code == 201
    told = await setting_of(shop, buyer)
    assert (told["status"], told["stopped_reason"]) == ("stopped", "refunded")
    assert [template for template, _ in await mailed(shop, buyer)] == ["top_up_stopped"]

    await shop.wallet_becomes(buyer.account_id, 5_000_000, within_seconds=10)
    shop.clock.ahead += timedelta(minutes=20)
    await buy_due(shop.billing)
    assert (await setting_of(shop, buyer))["status"] == "stopped"
    assert [payment["id"] for payment in await payments_of(shop, buyer)] == [payment_id]
    told = (await switch_on(shop, buyer)).json()
    assert (told["status"], told["stopped_reason"]) == ("active", None)


async def test_dispute_stops_it_until_the_customer_says_otherwise_also_where_it_is_won(shop: Shop) -> None:
    buyer = a_customer()
    await save_card(shop, buyer)
    payment_id = await bought(shop, buyer)
    assert (await switch_on(shop, buyer)).json()["status"] == "active"
    [row] = await shop.rows("SELECT charge_id FROM payments WHERE id = $1", payment_id)
    await shop.sandbox_control(f"/test/charges/{row.charge_id}/dispute", {})
    await shop.wallet_becomes(buyer.account_id, 0)
    told = await setting_of(shop, buyer)
    assert (told["status"], told["stopped_reason"]) == ("stopped", "disputed")
    [dispute] = await shop.rows("SELECT stripe_dispute_id AS id FROM disputes")
    await shop.sandbox_control(f"/test/disputes/{dispute.id}/close", {"status": "won"})
    await shop.wallet_becomes(buyer.account_id, 5_000_000)
    assert (await setting_of(shop, buyer))["stopped_reason"] == "disputed"
    assert [template for template, _ in await mailed(shop, buyer)] == ["top_up_stopped"]
    assert (await switch_on(shop, buyer)).json()["status"] == "active"
