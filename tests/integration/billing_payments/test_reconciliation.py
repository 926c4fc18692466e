"""Reconciliation: what was missed is found and repaired, what can't be is listed, and doing it again finds nothing."""

import math
from datetime import UTC, datetime
from typing import Any

from services.billing.domain.reconciliation import Difference, Report
from services.billing.store import reconciliations
from services.billing.use_cases.figures import show_figures
from services.billing.use_cases.reconciliation import reconcile
from shared.telemetry import REGISTRY
from tests.integration.billing_payments.conftest import OPERATOR, OpenShop, Shop, a_customer
from tests.support.http import eventually
from tests.support.keys import headers_for


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
    await _charged(shop, "pay_01JAAAAAAAAAAAAAAAAAAAAAAA", "700")
    report = await reconciled(shop)
    assert [(each.kind, each.theirs) for each in report.left] == [("payment_unknown", "700 usd")]
    assert report.drift_minor == {"usd": 0}, "it is in suspense, so the balances agree"
    shown = (await shop.get(OPERATOR, "/api/v1/admin/reconciliations")).json()["data"]
    assert shown[0]["id"] == report.id, "the one that billing began with may be below it"
    assert (shown[0]["agrees"], shown[0]["drift"]) == (False, [{"amount": 0, "currency": "usd"}])


async def test_one_object_that_can_not_be_settled_keeps_no_other_from_being_looked_at(shop: Shop) -> None:
    """Somebody paid another amount in a payment's name, and disputes it."""
    left_open = (await shop.checkout(a_customer())).json()["payment_id"]
    await _charged(shop, left_open, "700", "pm_card_createDispute")
    buyer = a_customer()
    await shop.sandbox_control("/test/delivery", {"mode": "drop"})
    await shop.pay((await shop.checkout(buyer)).json()["checkout_url"])
    report = await reconciled(shop)
    assert [each.kind for each in report.left] == ["payment_not_credited"]
    assert await shop.balance(buyer.account_id) == 5_000_000 and report.drift_minor == {"usd": 0}
    await shop.sandbox_control("/test/delivery", {"mode": "normal"})
    await shop.all_events_done(1)


async def test_payment_that_was_charged_twice_is_listed_until_the_second_has_gone_back(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await shop.pay(body["checkout_url"])
    await shop.wallet_becomes(buyer.account_id, 5_000_000)
    charge = await _charged(shop, body["payment_id"], "500")
    [found] = (await reconciled(shop)).left
    assert (found.kind, found.subject, found.theirs) == ("charged_twice", charge, "500 usd")
    await _at_stripe(shop, "refunds", charge=charge)
    assert (await reconciled(shop)).agrees


async def test_payment_whose_charge_stripe_lacks_is_listed(shop: Shop) -> None:
    body = (await shop.checkout(a_customer())).json()
    await shop.pay(body["checkout_url"])
    assert (await reconciled(shop)).agrees
    async with shop.billing.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE payments SET charge_id = 'ch_gone'")
    kinds = {(each.kind, each.subject) for each in (await reconciled(shop)).left}
    assert ("charge_missing", "ch_gone") in kinds


async def _charged(shop: Shop, payment_id: str, amount: str, card: str = "pm_card_visa") -> str:
    """Somebody else with the same key charges in a payment's name; the charge's id."""
    made = await _at_stripe(
        shop,
        "payment_intents",
        amount=amount,
        currency="usd",
        payment_method=card,
        confirm="true",
        **{
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never",
            "metadata[payment_id]": payment_id,
        },
    )
    charge: str = made["latest_charge"]
    return charge


async def _at_stripe(shop: Shop, path: str, **form: str) -> Any:
    headers = {"authorization": "Bearer sk_test_other_product"}
    answer = await shop.http.post(f"{shop.sandbox_url}/v1/{path}", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_operators_say_how_far_back_and_are_refused_what_is_senseless(shop: Shop) -> None:
    path, headers = "/api/v1/admin/reconciliations", headers_for(OPERATOR, "billing")
    made = await shop.http.post(path, json={"days": 3}, headers=headers)
    assert (made.status_code, made.json()["days"]) == (201, 3)
    for body in ({"days": 0}, {"days": 31}, {"bogus": 1}):
        refused = await shop.http.post(path, json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), body
    assert (await shop.http.post(path, content=b"{", headers=headers)).json()["code"] == "malformed_json"
    unknown = await shop.get(OPERATOR, f"{path}?after=rec_01JAAAAAAAAAAAAAAAAAAAAAAA")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid_cursor")


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
    assert shown("tollgate_disputes_due_seconds") == math.inf
    assert shown("tollgate_stripe_differences") == 1
    assert shown("tollgate_stripe_drift_minor", {"currency": "usd"}) == -700
    assert shown("tollgate_stripe_drift_minor", {"currency": "eur"}) is None
    assert shown("tollgate_stripe_repaired_30d", {"kind": "event_undelivered"}) == 3, "the failed run's too"
    assert shown("tollgate_stripe_repaired_30d", {"kind": "payment_unknown"}) == 0
    assert (shown("tollgate_stripe_reconciled_timestamp_seconds") or 0) > 1_700_000_000
