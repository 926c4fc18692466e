"""The operators' blacklist over HTTP and PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.fraud.use_cases.keep_blacklist import tend_blacklist
from shared.ids import new_id
from tests.integration.fraud.conftest import BLACKLIST, CUSTOMER, NOW, Desk
from tests.support.keys import headers_for, service_headers


async def test_added_entry_is_answered_and_listed(desk: Desk) -> None:
    answer = await desk.add("email", "Eve@Example.com", source="support", expires_at="2027-02-01T00:00:00Z")
    assert answer.status_code == 201
    entry = answer.json()
    assert entry["id"].startswith("blk_")
    assert entry["kind"] == "email" and entry["value"] == "eve@example.com"
    assert entry["reason"] == "chargebacks" and entry["source"] == "support"
    assert entry["expires_at"] == "2027-02-01T00:00:00Z"
    assert await desk.listed() == [entry]


async def test_reason_source_and_end_may_be_left_out(desk: Desk) -> None:
    answer = await desk.http.post(BLACKLIST, json={"kind": "ip", "value": "192.0.2.7"}, headers=desk.operator)
    assert answer.status_code == 201
    entry = answer.json()
    assert entry["reason"] is None and entry["source"] == "operator" and entry["expires_at"] is None


async def test_removed_entry_is_gone_and_a_second_removal_finds_nothing(desk: Desk) -> None:
    entry = (await desk.add("domain", "example.com")).json()
    first = await desk.http.delete(f"{BLACKLIST}/{entry['id']}", headers=desk.operator)
    second = await desk.http.delete(f"{BLACKLIST}/{entry['id']}", headers=desk.operator)
    assert first.status_code == 204 and first.content == b""
    assert second.status_code == 404 and second.json()["code"] == "not_found"
    assert await desk.listed() == []
    assert (await desk.add("domain", "example.com")).status_code == 201


@pytest.mark.parametrize("entry_id", ["blk_" + "0" * 26, "blk_x", "x", "acct_" + "0" * 26])
async def test_unknown_entry_cannot_be_removed(desk: Desk, entry_id: str) -> None:
    answer = await desk.http.delete(f"{BLACKLIST}/{entry_id}", headers=desk.operator)
    assert answer.status_code == 404 and answer.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("kind", "value", "again"),
    [
        ("email", "eve@example.com", " EVE@example.com"),
        ("domain", "münchen.de", "xn--mnchen-3ya.de"),
        ("ip", "192.0.2.7", "::ffff:192.0.2.7"),
        ("network", "192.0.2.0/24", "192.0.2.9/24"),
        ("card", "fingerprint_1", "fingerprint_1"),
    ],
)
async def test_second_spelling_of_a_live_entry_is_already_listed(desk: Desk, kind: str, value: str, again: str) -> None:
    assert (await desk.add(kind, value)).status_code == 201
    answer = await desk.add(kind, again)
    assert answer.status_code == 409 and answer.json()["code"] == "already_listed"


async def test_expired_entry_is_not_listed_and_makes_way(desk: Desk) -> None:
    await desk.add("ip", "192.0.2.7", expires_at="2027-01-01T01:00:00Z")
    desk.clock.advance(timedelta(hours=1))
    assert await desk.listed() == []
    assert (await desk.add("ip", "192.0.2.7")).status_code == 201


async def test_expired_entry_cannot_be_removed(desk: Desk) -> None:
    entry = (await desk.add("ip", "192.0.2.7", expires_at="2027-01-01T01:00:00Z")).json()
    desk.clock.advance(timedelta(hours=1))
    answer = await desk.http.delete(f"{BLACKLIST}/{entry['id']}", headers=desk.operator)
    assert answer.status_code == 404


async def test_of_many_additions_at_once_one_is_made(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.add("card", "fingerprint_1") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert len(await desk.listed()) == 1


async def test_pages_are_newest_first_and_whole(desk: Desk) -> None:
    added = [(await desk.add("ip", f"192.0.2.{number}")).json()["id"] for number in range(5)]
    first = (await desk.http.get(f"{BLACKLIST}?limit=3", headers=desk.operator)).json()
    assert first["has_more"] is True and first["next"] == first["data"][-1]["id"]
    rest = (await desk.http.get(f"{BLACKLIST}?limit=3&after={first['next']}", headers=desk.operator)).json()
    assert rest["has_more"] is False and rest["next"] is None
    assert sorted(entry["id"] for entry in first["data"] + rest["data"]) == sorted(added)
    ids = [entry["id"] for entry in first["data"] + rest["data"]]
    assert ids == sorted(ids, reverse=True)


async def test_list_may_be_of_one_kind(desk: Desk) -> None:
    await desk.add("ip", "192.0.2.7")
    await desk.add("domain", "example.com")
    assert [entry["kind"] for entry in await desk.listed("?kind=domain")] == ["domain"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "validation_failed"),
        ("limit=101", "validation_failed"),
        ("limit=abc", "validation_failed"),
        ("kind=person", "validation_failed"),
        ("after=nonsense", "invalid_cursor"),
        (f"after={new_id('blk', at=NOW, entropy=bytes(10))}", "invalid_cursor"),
    ],
)
async def test_senseless_page_is_refused(desk: Desk, query: str, code: str) -> None:
    answer = await desk.http.get(f"{BLACKLIST}?{query}", headers=desk.operator)
    assert answer.status_code == 422 and answer.json()["code"] == code


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "ip"},
        {"kind": "person", "value": "eve"},
        {"kind": "ip", "value": 7},
        {"kind": "ip", "value": ""},
        {"kind": "ip", "value": "192.0.2.7", "reason": "x" * 201},
        {"kind": "ip", "value": "192.0.2.7", "reason": "\u0001"},
        {"kind": "ip", "value": "192.0.2.7", "expires_at": "2026-12-31T00:00:00Z"},
        {"kind": "ip", "value": "192.0.2.7", "expires_at": "tomorrow"},
        {"kind": "ip", "value": "192.0.2.7", "expires_at": 4102444800},
        {"kind": "ip", "value": "192.0.2.7", "account_id": "acct_1"},
        {"kind": "network", "value": "0.0.0.0/0"},
        {"kind": "card", "value": "4242424242424242"},
        {"kind": "email", "value": "' OR 1=1 --"},
    ],
)
async def test_senseless_entry_is_refused_and_nothing_made(desk: Desk, body: dict[str, object]) -> None:
    answer = await desk.http.post(BLACKLIST, json=body, headers=desk.operator)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "validation_failed" and answer.json()["errors"]
    assert "4242424242424242" not in answer.text
    assert await desk.listed() == []


async def test_only_operators_reach_it(desk: Desk) -> None:
    customer, service = headers_for(CUSTOMER, "fraud"), service_headers("fraud", "billing")
    for method, path in (("GET", BLACKLIST), ("POST", BLACKLIST), ("DELETE", f"{BLACKLIST}/blk_1")):
        assert (await desk.http.request(method, path)).status_code == 401
        assert (await desk.http.request(method, path, headers=service)).status_code == 401
        refused = await desk.http.request(method, path, headers=customer, content=b"{broken")
        assert refused.status_code == 403 and refused.json()["code"] == "forbidden"


async def test_same_idempotency_key_replays_the_entry(desk: Desk) -> None:
    headers = {**desk.operator, "idempotency-key": "once"}
    body = {"kind": "ip", "value": "192.0.2.7", "expires_at": "2027-01-01T01:00:00Z"}
    first = await desk.http.post(BLACKLIST, json=body, headers=headers)
    desk.clock.advance(timedelta(hours=2))
    again = await desk.http.post(BLACKLIST, json=body, headers=headers)
    other = await desk.http.post(BLACKLIST, json={**body, "value": "192.0.2.8"}, headers=headers)
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json() and again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"


async def test_refused_addition_gives_its_idempotency_key_back(desk: Desk) -> None:
    headers = {**desk.operator, "idempotency-key": "once"}
    first = (await desk.add("ip", "192.0.2.7")).json()
    body = {"kind": "ip", "value": "192.0.2.7"}
    assert (await desk.http.post(BLACKLIST, json=body, headers=headers)).status_code == 409
    await desk.http.delete(f"{BLACKLIST}/{first['id']}", headers=desk.operator)
    assert (await desk.http.post(BLACKLIST, json=body, headers=headers)).status_code == 201


async def test_values_that_name_a_person_are_not_in_the_table_in_clear(desk: Desk) -> None:
    for kind, value in (("email", "eve@marked.example"), ("domain", "marked.example"), ("ip", "203.0.113.77")):
        assert (await desk.add(kind, value)).status_code == 201
    async with desk.fraud.database.transaction() as connection:
        rows = await connection.execute(text("SELECT CAST(blacklist AS text) AS row FROM blacklist"))
        events = await connection.execute(text("SELECT CAST(outbox AS text) AS row FROM outbox"))
        dump = "\n".join(row.row for row in [*rows, *events])
    assert "marked" not in dump and "203.0.113.77" not in dump


async def test_each_change_is_news(desk: Desk) -> None:
    entry = (await desk.add("card", "fingerprint_1")).json()
    await desk.http.delete(f"{BLACKLIST}/{entry['id']}", headers=desk.operator)
    async with desk.fraud.database.transaction() as connection:
        rows = (await connection.execute(text("SELECT kind, subject, data FROM outbox ORDER BY kind"))).all()
    assert [(row.kind, row.subject) for row in rows] == [
        ("blacklist.entry_added", entry["id"]),
        ("blacklist.entry_removed", entry["id"]),
    ]
    assert rows[0].data == {"kind": "card", "match": "fingerprint_1", "source": "operator", "expires_at": None}


async def test_ended_entries_are_deleted_after_their_record_days(desk: Desk) -> None:
    await desk.add("ip", "192.0.2.7", expires_at="2027-01-01T01:00:00Z")
    await desk.add("ip", "192.0.2.8")

    async def rows() -> int:
        async with desk.fraud.database.transaction() as connection:
            return int(await connection.scalar(text("SELECT count(*) FROM blacklist")) or 0)

    desk.clock.advance(timedelta(hours=2))
    await tend_blacklist(desk.fraud)
    assert await rows() == 2
    desk.clock.advance(timedelta(days=desk.fraud.settings.blacklist_record_days))
    await asyncio.gather(tend_blacklist(desk.fraud), tend_blacklist(desk.fraud))
    assert await rows() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blacklist SET match = 'x'",
        "UPDATE fraud_assessments SET decision = 'allow'",
        "DELETE FROM fraud_assessments",
        "SELECT 1 FROM billing.outbox",
    ],
)
async def test_role_may_not_rewrite_the_record_or_read_another_schema(desk: Desk, statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with desk.fraud.database.transaction() as connection:
            await connection.execute(text(statement))
