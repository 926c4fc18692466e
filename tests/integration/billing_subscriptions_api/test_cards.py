"""Which card pays for a subscription."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.billing_payments.conftest import GOOD_CARD
from tests.integration.billing_payments.test_top_ups import ask
from tests.integration.billing_subscriptions_api.conftest import PRO, Customer, sell_pro

REFUSED_LATER = "4000000000000341"
ANOTHER_CARD = "5555555555554444"


async def test_a_card_that_its_owner_chooses_pays_for_what_runs(customer: Customer) -> None:
    club, shop = customer.club, customer.club.shop
    subscription = await customer.joined(card=GOOD_CARD)
    page = (await ask(shop, customer.caller, "POST", "/api/v1/payment-methods", {})).json()["setup_url"]
    assert (await shop.pay(page, ANOTHER_CARD)).status_code == 303
    await club.work()

    async def own_card() -> str:
        return str((await club.at_stripe(await customer.member(subscription["id"])))["default_payment_method"])

    listed = await ask(shop, customer.caller, "GET", "/api/v1/payment-methods")
    cards: dict[str, Any] = {card["last4"]: card["id"] for card in listed.json()["data"]}
    assert await own_card() != cards[ANOTHER_CARD[-4:]], "saving one alone takes nothing over"
    chosen = await ask(shop, customer.caller, "POST", f"/api/v1/payment-methods/{cards[ANOTHER_CARD[-4:]]}/default")
    assert chosen.status_code == 200
    assert await own_card() == cards[ANOTHER_CARD[-4:]]


@pytest.mark.long
async def test_what_the_own_card_can_not_pay_the_chosen_one_pays(customer: Customer) -> None:
    club, shop = customer.club, customer.club.shop
    await sell_pro(club)
    subscription = await customer.joined(card=GOOD_CARD)
    member = await customer.member(subscription["id"])
    good = (await club.at_stripe(member))["default_payment_method"]
    asks = await club.stripe.payment_methods.attach_async(
        "pm_card_authenticationRequired", {"customer": member.customer_id}
    )
    await club.stripe.subscriptions.update_async(member.stripe_id, {"default_payment_method": asks.id})
    await club.work()
    refused = await customer.post(f"/{subscription['id']}/change", {"plan": PRO["id"]})
    assert (refused.status_code, refused.json()["decline_code"]) == (402, "authentication_required")

    settings = {"invoice_settings": {"default_payment_method": good}}
    await club.stripe.customers.update_async(member.customer_id, settings)
    await club.work()
    assert (await customer.changed(subscription["id"], "change", {"plan": PRO["id"]}))["plan"] == PRO["id"]
    assert (await club.at_stripe(member))["default_payment_method"] == good

    assert (await ask(shop, customer.caller, "DELETE", f"/api/v1/payment-methods/{good}")).status_code == 204
    assert (await club.at_stripe(member))["default_payment_method"] == asks.id, "what is left pays"


async def test_a_card_that_is_saved_pays_what_is_late(customer: Customer) -> None:
    club, shop = customer.club, customer.club.shop
    subscription = await customer.joined(card=GOOD_CARD)
    [card] = await _cards(customer)
    await ask(shop, customer.caller, "DELETE", f"/api/v1/payment-methods/{card['id']}")
    await club.move(timedelta(days=31, hours=2))
    await club.work()
    assert (await customer.read(subscription["id"]))["status"] == "past_due"
    page = (await ask(shop, customer.caller, "POST", "/api/v1/payment-methods", {})).json()["setup_url"]
    assert (await shop.pay(page, ANOTHER_CARD)).status_code == 303
    await club.work()
    assert (await customer.read(subscription["id"]))["status"] == "active"


@pytest.mark.long
async def test_the_default_that_is_shown_is_stripes(customer: Customer) -> None:
    """Saving another makes it the default until one is chosen; removing the default leaves it to the newest."""
    club, shop = customer.club, customer.club.shop
    await customer.joined(card=GOOD_CARD)
    for number in (REFUSED_LATER, ANOTHER_CARD):
        page = (await ask(shop, customer.caller, "POST", "/api/v1/payment-methods", {})).json()["setup_url"]
        assert (await shop.pay(page, number)).status_code == 303
        await club.work()
        await _default_is(customer, number)
    ids = {card["last4"]: card["id"] for card in await _cards(customer)}
    await ask(shop, customer.caller, "POST", f"/api/v1/payment-methods/{ids[REFUSED_LATER[-4:]]}/default")
    await _default_is(customer, REFUSED_LATER)
    page = (await ask(shop, customer.caller, "POST", "/api/v1/payment-methods", {})).json()["setup_url"]
    assert (await shop.pay(page, GOOD_CARD)).status_code == 303
    await club.work()
    await _default_is(customer, REFUSED_LATER)
    await ask(shop, customer.caller, "DELETE", f"/api/v1/payment-methods/{ids[REFUSED_LATER[-4:]]}")
    await _default_is(customer, GOOD_CARD)


async def _cards(customer: Customer) -> list[dict[str, Any]]:
    listed = await ask(customer.club.shop, customer.caller, "GET", "/api/v1/payment-methods")
    cards: list[dict[str, Any]] = listed.json()["data"]
    return cards


async def _default_is(customer: Customer, number: str) -> None:
    [shown] = [card for card in await _cards(customer) if card["is_default"]]
    [row] = await customer.club.shop.rows(
        "SELECT customer_id FROM stripe_customers WHERE account_id = $1", customer.caller.account_id
    )
    found = await customer.club.stripe.customers.retrieve_async(row.customer_id)
    assert shown["last4"] == number[-4:]
    assert found.invoice_settings.default_payment_method == shown["id"]
