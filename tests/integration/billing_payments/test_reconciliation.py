"""Reconciliation: what was missed is found and repaired, what can't be is listed, and doing it again finds nothing."""

from datetime import UTC, datetime
from typing import Any

from services.billing.domain.reconciliation import Difference, Report
from services.billing.store import reconciliations
from services.billing.use_cases.figures import show_figures
from services.billing.use_cases.reconciliation import reconcile
from shared.telemetry import REGISTRY
from tests.integration.billing_payments.conftest import OPERATOR, OpenShop, Shop, a_customer
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


async def _run_elsewhere(shop: Shop, report_id: str, *, drift: dict[str, int], failed: bool = False) -> None:
    """As a run of another process, or of the command, leaves it."""
    found = (
        Difference("event_undelivered", "evt_1", "none", "charge.succeeded", repaired=True),
        Difference("payment_unknown", "ch_1", "none", "700 usd"),
    )
    now = datetime.now(UTC)
    async with shop.billing.database.transaction() as connection:
        await reconciliations.begin(connection, report_id, days=30, at=now, apart_seconds=0)
        if failed:
            await reconciliations.fail(connection, report_id, "StripeUnavailable", found)
        else:
            await reconciliations.finish(connection, Report(report_id, 30, now, now, {}, found, drift))


async def test_gauges_show_the_last_report_whoever_made_it(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        await _run_elsewhere(shop, "rec_1", drift={"usd": 0, "eur": 5})
        await _run_elsewhere(shop, "rec_2", drift={"usd": -700})
        await _run_elsewhere(shop, "rec_3", drift={}, failed=True)
        await show_figures(shop.billing)
    shown = REGISTRY.get_sample_value
    assert shown("tollgate_stripe_differences") == 1
    assert shown("tollgate_stripe_drift_minor", {"currency": "usd"}) == -700
    assert shown("tollgate_stripe_drift_minor", {"currency": "eur"}) is None
    assert shown("tollgate_stripe_repaired_30d", {"kind": "event_undelivered"}) == 3, "the failed run's too"
    assert shown("tollgate_stripe_repaired_30d", {"kind": "payment_unknown"}) == 0
    assert (shown("tollgate_stripe_reconciled_timestamp_seconds") or 0) > 1_700_000_000
