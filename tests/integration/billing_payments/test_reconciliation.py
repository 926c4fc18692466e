"""Reconciliation: what was missed is found and repaired, what can't be is listed, and doing it again finds nothing."""

from typing import Any

from services.billing.use_cases.reconciliation import reconcile
from tests.integration.billing_payments.conftest import OPERATOR, Shop, a_customer
from tests.support.http import eventually


async def reconciled(shop: Shop) -> Any:
    report = await reconcile(shop.billing)
    assert report is not None
    return report


async def test_a_payment_whose_events_were_all_dropped_is_credited_and_booked(shop: Shop) -> None:
    await shop.sandbox_control("/test/delivery", {"mode": "drop"})
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await shop.pay(body["checkout_url"])
    report = await reconciled(shop)
    assert await shop.balance(buyer.account_id) == 5_000_000
    kinds = {each.kind for each in report.differences}
    assert {"event_undelivered", "payment_not_credited"} <= kinds
    assert report.agrees and report.drift_minor == {"usd": 0}

    async def done() -> bool:
        rows = await shop.rows("SELECT status FROM webhook_events")
        return bool(rows) and {row.status for row in rows} <= {"handled", "ignored"}

    await eventually(done)
    again = await reconciled(shop)
    assert (again.differences, again.agrees) == ((), True)
    assert await shop.balance(buyer.account_id) == 5_000_000


async def test_what_no_payment_explains_is_listed_for_a_person(shop: Shop) -> None:
    headers = {"authorization": "Bearer sk_test_other_product"}
    charged = await shop.http.post(
        f"{shop.sandbox_url}/v1/payment_intents",
        data={
            "amount": "700",
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": "true",
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never",
            "metadata[payment_id]": "pay_01JAAAAAAAAAAAAAAAAAAAAAAA",
        },
        headers=headers,
    )
    assert charged.status_code == 200, charged.text
    report = await reconciled(shop)
    assert [(each.kind, each.theirs) for each in report.left] == [("payment_unknown", "700 usd")]
    assert report.drift_minor == {"usd": 0}, "it is in suspense, so the balances agree"
    shown = (await shop.get(OPERATOR, "/api/v1/admin/reconciliations")).json()["data"]
    assert shown[0]["id"] == report.id, "the one that billing began with may be below it"
    assert (shown[0]["agrees"], shown[0]["drift"]) == (False, [{"amount": 0, "currency": "usd"}])


async def test_runs_keep_their_distance(shop: Shop) -> None:
    assert await reconcile(shop.billing) is not None
    assert await reconcile(shop.billing, apart_seconds=3_600) is None
