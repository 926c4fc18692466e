"""Judging payments over HTTP and PostgreSQL."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shared.contracts.identity_hashes import domain_hash, email_hash
from shared.ids import new_id
from tests.integration.fraud.conftest import ASSESSMENTS, BLACKLIST, CUSTOMER, NOW, OPERATOR, Desk
from tests.support.keys import BLIND_INDEX_KEY, headers_for, service_headers

DEVICE = new_id("dev", at=NOW, entropy=bytes(10))


async def codes(desk: Desk, **facts: Any) -> list[str]:
    answer = await desk.assess(**facts)
    assert answer.status_code == 200, answer.text
    verdict = answer.json()
    found = [reason["code"] for reason in verdict["reasons"] if reason["code"].startswith("blacklisted_")]
    assert verdict["decision"] == ("block" if found else "allow")
    assert (verdict["score"] == 100) == bool(found)
    return found


async def test_unlisted_payment_is_allowed(desk: Desk) -> None:
    answer = await desk.assess()
    verdict = answer.json()
    assert answer.status_code == 200 and verdict.pop("id").startswith("asm_")
    assert verdict["decision"] == "allow" and verdict["score"] < 30
    assert (verdict["reasons"], verdict["case_id"]) == ([], None)


@pytest.mark.parametrize(
    ("kind", "value", "facts"),
    [
        ("email", "Eve@Example.com", {"email_hash": email_hash("eve@example.com", BLIND_INDEX_KEY)}),
        ("domain", "example.com", {"domain_hash": domain_hash("eve@example.com", BLIND_INDEX_KEY)}),
        ("card", "fingerprint_1", {"card_fingerprint": "fingerprint_1"}),
        ("device", DEVICE, {"device_id": DEVICE}),
        ("account", CUSTOMER.account_id, {}),
        ("ip", "192.0.2.7", {"ip": "192.0.2.7"}),
        ("ip", "192.0.2.7", {"ip": "::ffff:192.0.2.7"}),
        ("ip", "::ffff:192.0.2.7", {"ip": "192.0.2.7"}),
        ("network", "192.0.2.0/24", {"ip": "192.0.2.255"}),
        ("network", "192.0.2.0/24", {"ip": "::ffff:192.0.2.1"}),
        ("network", "2001:db8::/32", {"ip": "2001:db8:ffff::1"}),
    ],
)
async def test_listed_payment_is_blocked_with_its_code(
    desk: Desk, kind: str, value: str, facts: dict[str, Any]
) -> None:
    assert (await desk.add(kind, value)).status_code == 201
    assert await codes(desk, **facts) == [f"blacklisted_{kind}"]


@pytest.mark.parametrize(
    ("kind", "value", "facts"),
    [
        ("email", "eve@example.com", {"email_hash": email_hash("eva@example.com", BLIND_INDEX_KEY)}),
        ("domain", "example.com", {"domain_hash": domain_hash("eve@sub.example.com", BLIND_INDEX_KEY)}),
        ("card", "fingerprint_1", {"card_fingerprint": "fingerprint_2"}),
        ("account", OPERATOR.account_id, {}),
        ("ip", "192.0.2.7", {"ip": "192.0.2.8"}),
        ("network", "192.0.2.0/24", {"ip": "192.0.3.0"}),
        ("network", "192.0.2.0/24", {"ip": None}),
        ("network", "192.0.2.0/24", {"ip": "unknown"}),
        ("network", "2001:db8::/32", {"ip": "2001:db9::1"}),
    ],
)
async def test_neighbour_of_a_listed_value_is_allowed(desk: Desk, kind: str, value: str, facts: dict[str, Any]) -> None:
    assert (await desk.add(kind, value)).status_code == 201
    assert await codes(desk, **facts) == []


async def test_every_reason_is_given(desk: Desk) -> None:
    await desk.add("ip", "192.0.2.7")
    await desk.add("network", "192.0.2.0/24")
    await desk.add("network", "192.0.0.0/16")
    await desk.add("card", "fingerprint_1")
    found = await codes(desk, ip="192.0.2.7", card_fingerprint="fingerprint_1")
    assert found == ["blacklisted_card", "blacklisted_ip", "blacklisted_network"]


async def test_expired_and_removed_entries_do_not_bite(desk: Desk) -> None:
    await desk.add("ip", "192.0.2.7", expires_at="2027-01-01T01:00:00Z")
    entry = (await desk.add("card", "fingerprint_1")).json()
    facts = {"ip": "192.0.2.7", "card_fingerprint": "fingerprint_1"}
    desk.clock.advance(timedelta(minutes=59, seconds=59))
    assert len(await codes(desk, **facts)) == 2
    desk.clock.advance(timedelta(seconds=1))
    await desk.http.delete(f"{BLACKLIST}/{entry['id']}", headers=desk.operator)
    assert await codes(desk, **facts) == []


async def test_payment_keeps_its_assessment(desk: Desk) -> None:
    payment_id = new_id("pay", at=NOW)
    first = (await desk.assess(payment_id=payment_id, ip="192.0.2.7")).json()
    await desk.add("ip", "192.0.2.7")
    again = (await desk.assess(payment_id=payment_id, ip="192.0.2.7")).json()
    assert again == first and first["decision"] == "allow"


async def test_payment_asked_for_many_times_at_once_has_one_assessment(desk: Desk) -> None:
    payment_id = new_id("pay", at=NOW)
    answers = await asyncio.gather(*(desk.assess(payment_id=payment_id) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_payment_of_another_account_is_a_conflict(desk: Desk) -> None:
    payment_id = new_id("pay", at=NOW)
    await desk.assess(payment_id=payment_id)
    answer = await desk.assess(payment_id=payment_id, account_id=OPERATOR.account_id)
    assert answer.status_code == 409 and answer.json()["code"] == "assessment_conflict"


async def test_record_holds_what_was_judged_but_no_address_in_clear(desk: Desk) -> None:
    await desk.add("ip", "203.0.113.77")
    await desk.assess(ip="203.0.113.77", amount_usd_minor=777)
    async with desk.fraud.database.transaction() as connection:
        row = (await connection.execute(text("SELECT *, CAST(a AS text) AS dump FROM fraud_assessments a"))).one()
    assert row.decision == "block" and row.score == 100 and row.amount_usd_minor == 777
    assert row.snapshot["signals"]["amount_usd_minor"] == 777 and len(row.snapshot["blacklist"]) == 1
    assert row.sealed_ip is not None and "203.0.113.77" not in row.dump


@pytest.mark.parametrize(
    "facts",
    [
        {"payment_id": ""},
        {"payment_id": None},
        {"account_id": "a b"},
        {"kind": "gift"},
        {"amount_usd_minor": -1},
        {"amount_usd_minor": 10**30},
        {"amount_usd_minor": 5.5},
        {"amount_usd_minor": True},
        {"currency": "USD"},
        {"email_hash": "eve@example.com"},
        {"card_fingerprint": "'; DROP TABLE blacklist; --"},
        {"surprise": 1},
        {"tier": "platinum"},
        {"card_country": "Germany"},
        {"paid_payments": -1},
        {"occurred_at": "yesterday"},
    ],
)
async def test_senseless_facts_are_refused(desk: Desk, facts: dict[str, Any]) -> None:
    answer = await desk.assess(**facts)
    assert answer.status_code == 422 and answer.json()["code"] == "validation_failed"


async def test_only_services_may_ask(desk: Desk) -> None:
    assert (await desk.http.post(ASSESSMENTS, content=b"{broken")).status_code == 401
    for caller in (CUSTOMER, OPERATOR):
        answer = await desk.http.post(ASSESSMENTS, content=b"{broken", headers=headers_for(caller, "fraud"))
        assert answer.status_code == 401
    other_audience = service_headers("billing", "gateway")
    assert (await desk.http.post(ASSESSMENTS, content=b"{}", headers=other_audience)).status_code == 401
    known = service_headers("fraud", "billing")
    assert (await desk.http.post(ASSESSMENTS, content=b"{broken", headers=known)).status_code == 400
