"""A payment explained: its whole life in order, from the rows that it left; and operators' list of payments."""

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from services.billing.use_cases.explain import explain_payment
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import BAD_CARD, OPERATOR, OpenShop, Shop, a_customer
from tests.integration.billing_payments.refunding import refund
from tests.support.http import eventually

WHOLE_LIFE = (
    ("checkout", "asked for 5000 credits for 4.60 EUR (5.00 USD, at 0.92 EUR for a US dollar)."),
    ("fraud", "of 100 and let it go on."),
    ("page", "Stripe made its payment page"),
    ("status", "It went from pending to succeeded: by Stripe's event "),
    ("entry", "5000 credits were added to the wallet, as bought; its balance was then 5000 credits."),
    ("posting", "Booked 4.60 EUR as owed by Stripe; 5.00 USD of credits as sold;"),
    ("balance", "Stripe's balance shows its charge: 4.60 EUR less a fee of 0.43 EUR, which is 4.17 EUR net"),
    ("posting", "Booked 4.17 EUR into our balance at Stripe; 0.43 EUR as Stripe's fee; 4.60 EUR as no longer owed"),
    ("refund", "An operator asked for a refund of 2.00 EUR. Why: Bought too many."),
    ("entry", "2173.913 credits were taken from the wallet for a refund; its balance was then 2826.087 credits."),
    ("status", "It went from succeeded to partially_refunded: as an operator asked."),
    ("posting", "Booked 2.00 EUR as no longer owed by Stripe; 2.173913 USD of credits as taken back by a refund;"),
    ("dispute", "The customer's bank disputed 2.60 EUR (fraudulent); now it is won."),
    ("dispute", "it froze the account and took 2826.087 credits."),
    ("entry", "2826.087 credits were taken from the wallet for a dispute; its balance was then 0 credits."),
    ("status", "It went from partially_refunded to disputed: by Stripe's event charge.dispute."),
    ("balance", "-2.60 EUR less a fee of 15.00 EUR, which is -17.60 EUR net"),
    ("dispute", "2826.087 credits were given back."),
    ("entry", "its balance was then 2826.087 credits."),
    ("status", "It went from disputed to partially_refunded: by Stripe's event charge.dispute."),
    ("balance", "2.60 EUR, without a fee"),
    ("posting", "Booked 2.60 EUR into our balance at Stripe; 2.60 EUR as no longer owed by Stripe."),
)
"""What must be told, in this order, with whatever else in between."""


async def story_of(shop: Shop, payment_id: str) -> Any:
    answer = await shop.get(OPERATOR, f"/api/v1/admin/payments/{payment_id}/explain")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def becomes(shop: Shop, payment_id: str, status: str) -> None:
    async def there() -> bool:
        [row] = await shop.rows("SELECT status FROM payments WHERE id = $1", payment_id)
        return bool(row.status == status)

    await eventually(there)


async def a_whole_life(shop: Shop, buyer: Caller) -> str:
    """Bought in euros, refunded in part, disputed, won."""
    asked = (await shop.checkout(buyer, 5000, currency="eur")).json()
    payment_id: str = asked["payment_id"]
    await shop.pay(asked["checkout_url"])
    await shop.wallet_becomes(buyer.account_id, 5_000_000)
    back = await refund(shop, payment_id, amount={"amount": 200, "currency": "eur"}, reason="Bought too many")
    assert back.status_code == 201, back.text
    [row] = await shop.rows("SELECT charge_id FROM payments WHERE id = $1", payment_id)
    dispute = await shop.http.post(f"{shop.sandbox_url}/test/charges/{row.charge_id}/dispute", json={})
    await becomes(shop, payment_id, "disputed")
    await shop.sandbox_control(f"/test/disputes/{dispute.json()['id']}/close", {"status": "won"})
    await becomes(shop, payment_id, "partially_refunded")
    await shop.all_events_done(8)
    return payment_id


async def test_whole_life_is_told_in_order_and_once_though_events_come_doubled(open_shop: OpenShop) -> None:
    async with open_shop(credit_rates="eur:0.92") as shop:
        await shop.sandbox_control("/test/delivery", {"mode": "double"})
        payment_id = await a_whole_life(shop, a_customer())
        told = await story_of(shop, payment_id)
        story = told["story"]
        rest = iter(story)
        for kind, text in WHOLE_LIFE:
            assert any(line["kind"] == kind and text in line["text"] for line in rest), (kind, text, story)
        assert [line["at"] for line in story] == sorted(line["at"] for line in story)
        assert sum(line["kind"] == "status" for line in story) == 4
        [row] = await shop.rows("SELECT array_agg(stripe_event_id) AS ids FROM webhook_events")
        events = [line["stripe_event_id"] for line in story if line["kind"] == "event"]
        assert (sorted(events), len(set(events))) == (sorted(row.ids), len(events)), "all are of this one payment"
        assert (told["payment"]["id"], told["payment"]["status"]) == (payment_id, "partially_refunded")
        printed = (await explain_payment(shop.billing.database, payment_id)).lines()
        assert len(printed) == len(story) + 1
        assert "partially_refunded: 5000 credits for 4.60 EUR, of which 2.00 EUR went back" in printed[0]
        await _steps_stay(shop, payment_id)


async def _steps_stay(shop: Shop, payment_id: str) -> None:
    """Each begins where the one before it ended, and none can be changed."""
    steps = await shop.rows("SELECT * FROM payment_steps WHERE payment_id = $1 ORDER BY seq", payment_id)
    assert [step.from_status for step in steps] == [None, *(step.to_status for step in steps[:-1])]
    for sql in ("UPDATE payment_steps SET cause = 'unknown'", "DELETE FROM payment_steps"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await shop.rows(f"{sql} WHERE payment_id = $1", payment_id)


async def test_operators_list_everybodys_payments_and_nobody_else_does(shop: Shop) -> None:
    ada, bob = a_customer(), a_customer()
    first, second, third = [(await shop.checkout(buyer)).json()["payment_id"] for buyer in (ada, bob, bob)]
    assert (await shop.post(bob, f"/api/v1/payments/{second}/cancel")).status_code == 200

    async def listed(query: str) -> list[str]:
        answer = await shop.get(OPERATOR, f"/api/v1/admin/payments?{query}")
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["data"]]

    assert await listed("") == [third, second, first]
    assert await listed(f"limit=1&after={third}") == [second]
    assert await listed(f"account_id={bob.account_id}") == [third, second]
    assert await listed(f"account_id={bob.account_id}&status=canceled") == [second]
    assert (await shop.get(OPERATOR, "/api/v1/admin/payments?status=paid")).status_code == 422
    story = (await story_of(shop, second))["story"]
    assert any(line["text"].endswith("to canceled: the customer canceled it.") for line in story), story
    for path in ("", f"/{first}/explain"):
        assert (await shop.get(ada, f"/api/v1/admin/payments{path}")).status_code == 403
    for unknown in (first[:-1] + ("0" if first[-1] != "0" else "1"), "pay_1"):
        assert (await shop.get(OPERATOR, f"/api/v1/admin/payments/{unknown}/explain")).status_code == 404


async def test_declined_attempts_are_told_though_nothing_came_of_them(shop: Shop) -> None:
    asked = (await shop.checkout(a_customer())).json()
    await shop.pay(asked["checkout_url"], BAD_CARD)
    await shop.all_events_done(2)
    story = (await story_of(shop, asked["payment_id"]))["story"]
    told = [line["text"] for line in story if line["kind"] == "event"]
    assert any("payment_intent.payment_failed" in text for text in told), story


async def test_credits_that_reconciliation_found_name_it(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        await shop.sandbox_control("/test/delivery", {"mode": "drop"})
        asked = (await shop.checkout(a_customer())).json()
        await shop.pay(asked["checkout_url"])
        assert (await shop.post(OPERATOR, "/api/v1/admin/reconciliations")).status_code == 201
        story = (await story_of(shop, asked["payment_id"]))["story"]
        [paid] = [line["text"] for line in story if line["kind"] == "status"]
        [noticed] = [line["text"] for line in story if "payment_not_credited" in line["text"]]
        assert paid == "It went from pending to succeeded: reconciliation found it so at Stripe."
        assert noticed.endswith("here pending, at Stripe 500 usd; it was repaired.")
        assert any("event_undelivered" in line["text"] for line in story)
        assert any(line["text"].endswith("it waits to be worked on.") for line in story)
