"""Judging by rules, models and counters, over HTTP, PostgreSQL and Redis."""

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from services.fraud.domain.rules.rule import Draft, Rule
from services.fraud.domain.signals import FEATURES_VERSION, SIGNALS
from services.fraud.events.billing import handle
from services.fraud.store.velocity import Velocity
from services.fraud.use_cases.networks import import_networks
from services.fraud.use_cases.outcomes import forget_addresses, renew_norms
from services.fraud.use_cases.write_rules import create_rule, move_version
from shared.audit import COMMAND_LINE, Actor
from shared.ids import decode, new_id
from shared.inbox import Event
from tests.integration.fraud.conftest import NOW, Desk

FACTS = {
    "tier": "verified",
    "origin": "checkout",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "session_hash": "5e55",
    "mailbox_hash": "ab" * 32,
    "card_country": "DE",
    "card_funding": "credit",
    "card_fingerprint": "card_of_this_customer",
    "account_created_at": "2026-06-01T00:00:00Z",
    "paid_payments": 4,
}
NETWORKS = """network,country,latitude,longitude,radius_km,kind
192.0.2.0/24,DE,52.5,13.4,20,residential
192.0.2.128/25,DE,48.1,11.6,20,mobile
203.0.113.0/24,US,40.7,-74.0,20,hosting
"""


async def judged(desk: Desk, **facts: Any) -> dict[str, Any]:
    answer = await desk.assess(**{**FACTS, **facts})
    assert answer.status_code == 200, answer.text
    verdict = answer.json()
    assert isinstance(verdict, dict)
    return {**verdict, "codes": [reason["code"] for reason in verdict["reasons"]]}


async def record(desk: Desk, verdict: dict[str, Any]) -> Any:
    """The assessment as it was kept."""
    async with desk.fraud.database.transaction() as connection:
        found = await connection.execute(
            text("SELECT * FROM fraud_assessments WHERE id = :id"), {"id": decode("asm", verdict["id"])}
        )
        return found.one()


async def hear(desk: Desk, kind: str, **data: Any) -> None:
    """News from billing, as its feed would bring them."""
    subject = str(data["payment_id"])
    event = Event(1, "evt", kind, subject, {"account_id": "acct_1", **data}, desk.clock.now().isoformat())
    async with desk.fraud.database.transaction() as connection:
        await handle(desk.fraud, connection, event)


async def test_honest_customer_is_allowed_month_after_month(desk: Desk) -> None:
    for month in range(6):
        verdict = await judged(desk, amount_usd_minor=1_500 + 100 * month)
        assert (verdict["decision"], verdict["case_id"]) == ("allow", None), verdict
        assert verdict["score"] < 50
        desk.clock.advance(timedelta(days=30, hours=1))


async def test_card_testing_is_stopped_with_its_reason(desk: Desk) -> None:
    verdict: dict[str, Any] = {}
    for number in range(12):
        payment_id = new_id("pay", at=NOW)
        card = f"stolen_card_{number}"
        verdict = await judged(desk, payment_id=payment_id, card_fingerprint=card, tier="new", paid_payments=0)
        if verdict["decision"] != "allow":
            break
        await hear(desk, "payment.failed", payment_id=payment_id)
        desk.clock.advance(timedelta(seconds=20))
    assert verdict["decision"] in ("review", "block")
    assert verdict["score"] >= 70 and "card_testing" in verdict["codes"]
    kept = await record(desk, verdict)
    assert kept.snapshot["signals"]["account_failed_hour"] >= 3
    assert [each["weight_bp"] for each in kept.fired]


async def test_all_that_judged_is_on_record(desk: Desk) -> None:
    verdict = await judged(desk, amount_usd_minor=777)
    kept = await record(desk, verdict)
    assert kept.versions["features"] == FEATURES_VERSION
    assert kept.versions["rules"]["card_testing"] == 1
    assert kept.versions["lists"] == "none"
    assert kept.versions["model"] is not None and kept.probability_ppm is not None
    assert kept.snapshot["signals"].keys() == SIGNALS.keys()
    assert float(kept.score) == verdict["score"]
    assert (kept.tier, kept.card, kept.occurred_at) == ("verified", "card_of_this_customer", NOW)
    await desk.add("card", "another_card")
    after = await judged(desk)
    assert (await record(desk, after)).versions["lists"].startswith("blk_")


async def test_held_payment_has_a_case_and_keeps_it(desk: Desk) -> None:
    payment_id = new_id("pay", at=NOW)
    sale = {"kind": "sale", "origin": "sale", "business_type": "retail", "first_sale": True, "paid_payments": 0}
    facts = {**sale, "payment_id": payment_id, "amount_usd_minor": 500_000}
    verdict = await judged(desk, **facts)
    assert verdict["decision"] == "review" and 70 <= verdict["score"] < 85
    assert verdict["case_id"].startswith("case_") and "first_large_sale" in verdict["codes"]
    assert await judged(desk, **facts) == verdict
    under = await judged(desk, **sale, amount_usd_minor=499_999)
    assert under["decision"] == "allow"


@pytest.mark.parametrize(("amount", "has_case"), [(99_999, False), (100_000, True)])
async def test_large_payment_goes_on_and_is_watched(desk: Desk, amount: int, has_case: bool) -> None:
    verdict = await judged(desk, amount_usd_minor=amount, tier="enterprise", paid_payments=50)
    assert verdict["decision"] == "allow" and (verdict["case_id"] is not None) is has_case
    async with desk.fraud.database.transaction() as connection:
        kinds = list((await connection.execute(text("SELECT kind FROM cases"))).scalars())
    assert kinds == (["watch"] if has_case else [])


async def test_without_redis_it_is_judged_without_counters_and_says_so(desk: Desk) -> None:
    away = Velocity(Redis(host="127.0.0.1", port=1), patience_ms=50)
    desk.state.service = replace(desk.fraud, velocity=away)
    verdict = await judged(desk)
    assert verdict["decision"] == "allow" and "features_unavailable" in verdict["codes"]
    kept = await record(desk, verdict)
    assert kept.snapshot["signals"]["features_available"] is False and kept.probability_ppm is None
    await desk.add("card", "card_of_this_customer")
    blocked = await judged(desk)
    assert (blocked["decision"], blocked["codes"]) == ("block", ["blacklisted_card"])
    metrics = (await desk.http.get("/metrics")).text
    assert 'tollgate_assessments_total{decision="block"}' in metrics
    assert "tollgate_assessments_without_features_total 0.0" not in metrics


async def test_place_is_the_narrowest_networks_and_travel_is_seen(desk: Desk) -> None:
    assert await import_networks(desk.fraud, COMMAND_LINE, io.StringIO(NETWORKS)) == 3
    first = await judged(desk, ip="192.0.2.200")
    assert (await record(desk, first)).snapshot["signals"]["ip_kind"] == "mobile"
    desk.clock.advance(timedelta(hours=1))
    signals = (await record(desk, await judged(desk, ip="203.0.113.9"))).snapshot["signals"]
    assert signals["is_travel_impossible"] and signals["is_hosting_network"] and signals["is_card_country_other"]
    assert signals["is_country_new"] and signals["is_ip_new"]


async def test_what_accounts_share_is_seen_across_them(desk: Desk) -> None:
    accounts = [new_id("acct", at=NOW) for _ in range(3)]
    verdicts = [await judged(desk, account_id=account) for account in (*accounts, accounts[0])]
    signals = (await record(desk, verdicts[-1])).snapshot["signals"]
    assert (signals["card_accounts"], signals["mailbox_accounts"], signals["ip_accounts"]) == (3, 3, 3)
    assert signals["account_payments_minute"] == 2 and not signals["is_card_new"]


async def test_an_address_is_forgotten_after_a_while_and_a_card_is_not(desk: Desk) -> None:
    await judged(desk)
    for days, left in ((179, ["card", "ip", "mailbox"]), (1, ["card", "ip", "mailbox"]), (1, ["card", "mailbox"])):
        desk.clock.advance(timedelta(days=days))
        await forget_addresses(desk.fraud)
        async with desk.fraud.database.transaction() as connection:
            kinds = (await connection.execute(text("SELECT kind FROM trait_uses ORDER BY kind"))).scalars()
            assert list(kinds) == left


async def test_norms_of_a_tier_are_measured_from_what_went_on(desk: Desk) -> None:
    await judged(desk)
    async with desk.fraud.database.transaction() as connection:
        await connection.execute(
            text(
                """
                INSERT INTO fraud_assessments (id, payment_id, account_id, decision, score, reasons, versions, snapshot,
                                               created_at, tier, amount_usd_minor)
                SELECT gen_random_uuid(), 'pay_' || n, 'acct_1', 'allow', 0, '[]', '{}', '{}', :at, 'new', n
                FROM generate_series(1, 100) AS n
                """
            ),
            {"at": NOW},
        )
    await renew_norms(desk.fraud)
    verdict = await judged(desk, tier="new", amount_usd_minor=190)
    assert (await record(desk, verdict)).snapshot["signals"]["amount_over_tier_percent"] == 200


async def test_news_of_payments_are_kept_and_close_their_case(desk: Desk) -> None:
    payment_id = new_id("pay", at=NOW)
    await judged(desk, payment_id=payment_id, amount_usd_minor=200_000, tier="enterprise", paid_payments=50)
    for status in ("pending", "failed", "canceled"):
        await hear(desk, f"payment.{status}", payment_id=payment_id)
    await hear(desk, "subscription.changed", payment_id=payment_id)
    async with desk.fraud.database.transaction() as connection:
        outcome = (await connection.execute(text("SELECT status, failed_at FROM payment_outcomes"))).one()
        case = (await connection.execute(text("SELECT status FROM cases"))).scalar_one()
    assert (outcome.status, outcome.failed_at, case) == ("canceled", NOW, "closed")


async def test_dispute_for_fraud_labels_its_payment(desk: Desk) -> None:
    payment_id = new_id("pay", at=NOW)
    await judged(desk, payment_id=payment_id)
    await hear(desk, "dispute.opened", payment_id=payment_id, dispute_id="dp_1", reason="fraudulent")
    async with desk.fraud.database.transaction() as connection:
        label = (await connection.execute(text("SELECT payment_id, is_fraud, source FROM labels"))).one()
    assert tuple(label) == (payment_id, True, "dispute")


async def test_what_is_in_shadow_is_written_down_and_changes_nothing(desk: Desk) -> None:
    plain = await judged(desk)
    models = desk.fraud.models
    desk.state.service = replace(desk.fraud, models=replace(models, shadow=models.live))
    await put_in_shadow(desk, "everybody", "amount_usd_minor >= 0")
    verdict = await judged(desk)
    assert (verdict["decision"], verdict["codes"]) == (plain["decision"], plain["codes"])
    kept = await record(desk, verdict)
    assert [each["weight_bp"] for each in kept.shadow] == [9_999] and kept.fired == []
    assert kept.shadow_ppm is not None and kept.versions["shadow_model"] is not None


async def put_in_shadow(desk: Desk, code: str, expression: str) -> None:
    async def finish(*_: Any) -> Rule | None:
        return None

    actor = Actor("acct_author")
    draft = Draft(expression, 9_999, "For everybody.")
    await create_rule(desk.fraud, code, draft, actor, finish)
    async with desk.fraud.database.transaction() as connection:
        rule_id = str(await connection.scalar(text("SELECT id FROM rules WHERE code = :code"), {"code": code}))
    await move_version(desk.fraud, rule_id, 1, "shadow", actor=actor, finish=finish)
    await desk.fraud.feed.poll()


async def test_what_a_judgement_asks_is_not_planned_for_each_payment(desk: Desk) -> None:
    pool = await desk.fraud.database.asyncpg_pool()
    assert await pool.fetchval("SHOW plan_cache_mode") == "force_generic_plan"
