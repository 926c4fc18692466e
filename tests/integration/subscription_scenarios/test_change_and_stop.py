"""What becomes of a key when its subscription changes, is paid back, disputed or ended."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from services.billing.clients.stripe.subscribing import change_price
from services.billing.domain.subscriptions.plan import PlanId
from services.billing.use_cases.subscription_charges import learn_charges
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import OPERATOR, a_customer
from tests.integration.billing_subscriptions.conftest import DAY, FAILING_CARD, HOUR, PLAN, Member
from tests.integration.billing_subscriptions.test_ending import change_to, dearer_plan
from tests.integration.billing_subscriptions_api.conftest import Customer
from tests.integration.subscription_scenarios.conftest import SERVER, Both, halves_are_proved
from tests.support.keys import headers_for


async def payment_of(both: Both, member: Member) -> Any:
    [row] = await both.club.shop.rows("SELECT * FROM payments WHERE account_id = $1", member.account_id)
    return row


async def refund(both: Both, member: Member, body: dict[str, Any]) -> None:
    payment = await payment_of(both, member)
    answer = await both.club.shop.http.post(
        f"/api/v1/payments/{payment.id}/refund", json=body, headers=headers_for(OPERATOR, "billing")
    )
    assert answer.status_code == 201, answer.text
    await both.work()


async def disputed(both: Both) -> tuple[Member, str, str]:
    """A member, his key, and Stripe's dispute of what he paid."""
    member = await both.joined()
    key = await both.key(member)
    await both.activate(key)
    [charge] = (await both.club.stripe.charges.list_async({"customer": member.customer_id})).data
    await both.club.control(f"/test/charges/{charge.id}/dispute", {})
    await both.work()
    [dispute] = await both.club.shop.rows("SELECT stripe_dispute_id AS id FROM disputes")
    return member, key, dispute.id


async def test_key_lives_on_after_a_refund_of_a_part_and_not_after_one_of_all(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    await refund(both, member, {"amount": {"amount": 500, "currency": "usd"}})
    assert await both.verdict(key) == "VALID"
    await refund(both, member, {})
    assert await both.verdict(key) == "REVOKED"
    assert (await both.club.at_stripe(member))["status"] == "canceled"


@halves_are_proved
async def test_dispute_suspends_the_key_and_won_restores_it(both: Both) -> None:
    member, key, dispute_id = await disputed(both)
    assert await both.verdict(key, SERVER) == "SUSPENDED"
    await both.club.control(f"/test/disputes/{dispute_id}/close", {"status": "won"})
    await both.work()
    assert await both.verdict(key, SERVER) == "VALID" and await both.key(member) == key


@halves_are_proved
async def test_lost_dispute_revokes_the_key(both: Both) -> None:
    member, key, dispute_id = await disputed(both)
    await both.club.control(f"/test/disputes/{dispute_id}/close", {"status": "lost"})
    await both.work()
    assert await both.verdict(key, SERVER) == "REVOKED"
    assert (await both.club.at_stripe(member))["status"] == "canceled"


@halves_are_proved
async def test_operators_revocation_outlives_renewal_and_another_plan(both: Both) -> None:
    member = await both.joined()
    [license] = await both.licenses(member.account_id)
    await both.operate(license["id"], "revoke")
    await both.club.to((await both.club.row(member)).expires_at, plus=2 * HOUR)
    await both.work()
    await change_to(both.club, member, await dearer_plan(both.club))
    await both.work()
    assert (await both.club.row(member)).plan_id == "license-team"
    assert await both.verdict(license["key"]) == "REVOKED"


@halves_are_proved
async def test_who_subscribes_again_gets_another_key_and_counts_once(both: Both) -> None:
    customer = Customer(both.club, a_customer())
    first = await customer.joined()
    await both.follow()
    [old] = await both.licenses(customer.caller.account_id)
    await customer.changed(first["id"], "cancel")
    await customer.joined()
    await both.follow()
    new, kept = await both.licenses(customer.caller.account_id)
    assert (new["status"], kept["status"]) == ("active", "revoked") and new["key"] != old["key"]
    assert (await both.verdict(old["key"]), await both.verdict(new["key"])) == ("REVOKED", "VALID")
    statistics = (await both.club.shop.get(OPERATOR, "/api/v1/admin/subscriptions/statistics")).json()
    assert statistics["mrr"] == [{"amount": 2500, "currency": "usd"}]


@halves_are_proved
async def test_downgrade_below_what_is_active_validates_nowhere_until_servers_are_given_back(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    small, team = await both.club.plan(), await dearer_plan(both.club)
    await change_to(both.club, member, team)
    await both.work()
    for server in ("web-1", "web-2"):
        await both.activate(key, server)
    item = (await both.club.at_stripe(member))["items"]["data"][0]
    price_id = small.stripe_price_id or ""
    await change_price(both.club.billing.stripe, member.stripe_id, item_id=item["id"], price_id=price_id, key="back")
    await both.work()
    assert (await both.club.row(member)).plan_id == PlanId(PLAN)
    assert [await both.verdict(key, server) for server in ("web-1", "web-2")] == ["TOO_MANY_ACTIVATIONS"] * 2
    assert (await both.bear("deactivate", key, "web-2")).status_code == 200
    assert await both.verdict(key, "web-1") == "VALID"


@halves_are_proved
async def test_upgrade_that_was_not_paid_gives_no_seats(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    team = await dearer_plan(both.club)
    await both.club.use_card(member, FAILING_CARD)
    await both.club.move(10 * DAY)
    customer = Customer(both.club, Caller(member.account_id, "customer", tier="verified"))
    assert await customer.refused(member.id, "change", {"plan": team.id}) == (402, "card_declined")
    await both.work()
    await both.activate(key)
    assert (await both.bear("activate", key, "web-2")).status_code == 409


async def test_payment_after_the_end_alerts_goes_back_and_revives_no_key(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    await both.club.use_card(member, FAILING_CARD)
    await both.club.to((await both.club.row(member)).expires_at, plus=2 * HOUR)
    await both.work()
    late = (await both.club.invoices(member))[-1]
    await both.club.stripe.subscriptions.cancel_async(member.stripe_id)
    await both.club.move(HOUR)
    assert (await both.club.shop.pay(late["hosted_invoice_url"])).status_code == 303
    with capture_logs() as logs:
        await both.work()
    alerts = [
        (line["log_level"], line["invoice_id"]) for line in logs if line["event"] == "subscription_paid_after_end"
    ]
    assert alerts == [("error", late["id"])]
    refunds = (await both.club.stripe.refunds.list_async({"limit": 10})).data
    assert [refund.amount for refund in refunds] == [2500]
    assert await both.verdict(key) == "REVOKED"


@pytest.mark.parametrize("deed", ["dispute", "refund"])
async def test_money_that_went_back_before_billing_heard_of_it_is_found(both: Both, deed: str) -> None:
    await both.club.control("/test/delivery", {"mode": "drop"})
    member = await both.club.join()
    [charge] = (await both.club.stripe.charges.list_async({"customer": member.customer_id})).data
    if deed == "dispute":
        await both.club.control(f"/test/charges/{charge.id}/dispute", {})
    else:
        await both.club.stripe.refunds.create_async({"charge": charge.id})
    went_back = await both.told("charge", "refund")
    await both.deliver(*(event for event in went_back if deed in event["type"]))
    await both.deliver(*await both.told("invoice"))
    await learn_charges(both.club.billing)
    await both.work()
    assert await both.verdict(await both.key(member)) == ("SUSPENDED" if deed == "dispute" else "REVOKED")


@halves_are_proved
async def test_key_works_again_where_a_used_up_pause_is_ended(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    customer = Customer(both.club, Caller(member.account_id, "customer", tier="verified"))
    await customer.changed(member.id, "pause")
    await both.follow()
    assert await both.verdict(key) == "VALID"
    await both.club.to((await both.club.row(member)).expires_at, plus=HOUR)
    await both.work()
    assert await both.verdict(key) == "SUSPENDED"
    await customer.changed(member.id, "resume")
    await both.work()
    assert await both.verdict(key) == "VALID" and await both.key(member) == key


@halves_are_proved
async def test_refunds_in_parts_that_are_all_of_it_revoke_the_key(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    for amount, code in ((1_000, "VALID"), (1_499, "VALID"), (1, "REVOKED")):
        await refund(both, member, {"amount": {"amount": amount, "currency": "usd"}})
        assert await both.verdict(key) == code


@halves_are_proved
async def test_banks_inquiry_takes_nothing_until_it_becomes_a_dispute(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    [charge] = (await both.club.stripe.charges.list_async({"customer": member.customer_id})).data
    await both.club.control(f"/test/charges/{charge.id}/dispute", {"inquiry": True})
    await both.work()
    assert await both.verdict(key) == "VALID"
    [dispute] = (await both.club.stripe.disputes.list_async({"charge": charge.id})).data
    await both.club.control(f"/test/disputes/{dispute.id}/escalate", {})
    await both.work()
    assert await both.verdict(key) == "SUSPENDED"


@halves_are_proved
async def test_life_of_which_only_the_end_was_heard_leaves_no_good_key(both: Both) -> None:
    await both.club.control("/test/delivery", {"mode": "drop"})
    member = await both.club.join()
    await both.club.stripe.subscriptions.cancel_async(member.stripe_id)
    told = await both.told()
    await both.deliver(*(event for event in told if event["type"] == "customer.subscription.deleted"))
    await both.deliver(*told)
    assert {await both.verdict(license["key"]) for license in await both.licenses(member.account_id)} <= {"REVOKED"}
    await both.hand_over()
    assert both.post.handed == []


@halves_are_proved
async def test_end_of_a_dispute_before_its_beginning_leaves_the_key_good(both: Both) -> None:
    member, key, dispute_id = await disputed(both)
    await both.club.control("/test/delivery", {"mode": "drop"})
    await both.club.control(f"/test/disputes/{dispute_id}/close", {"status": "won"})
    await both.deliver(*reversed(await both.told("charge")))
    await both.work()
    assert await both.verdict(key, SERVER) == "VALID"
    assert (await both.club.row(member)).suspended_at is None
