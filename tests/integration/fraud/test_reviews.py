"""Cases over HTTP and PostgreSQL: the whole picture, decisions of which one wins, and what each writes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.fraud.domain.velocity import VelocityEvent
from services.fraud.events.billing import handle
from services.fraud.store import many_entries
from services.fraud.use_cases.cases import close_case, open_case
from services.fraud.use_cases.decide_cases import mark_overdue
from services.fraud.use_cases.due import look_for_due
from services.fraud.use_cases.labels import learn_from_dispute
from shared.contracts.identity_hashes import email_hash, mailbox_hash
from shared.ids import new_id
from shared.inbox import Event
from shared.service_auth import Caller
from tests.integration.fraud.conftest import CUSTOMER, NOW, OPERATOR, Desk
from tests.support.http import eventually
from tests.support.keys import BLIND_INDEX_KEY, headers_for, service_headers

REVIEWS = "/api/v1/admin/reviews"
LABELS = "/api/v1/admin/fraud/labels"
EMAIL = email_hash("eve@example.com", BLIND_INDEX_KEY)
DEVICE = new_id("dev", at=NOW, entropy=bytes(10))
COLLEAGUE = Caller(new_id("acct", at=NOW, entropy=b"colleague-"), "operator")
FACTS = {"ip": "192.0.2.7", "device_id": DEVICE, "card_fingerprint": "fingerprint_1", "email_hash": EMAIL}

Hold = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def hold(desk: Desk) -> Hold:
    """`await hold(account_id=...)`: a payment that was judged, and whose case is open; both as the API tells them."""

    async def hold(*, kind: str = "held", signals: dict[str, Any] | None = None, **facts: Any) -> dict[str, Any]:
        facts = {"payment_id": new_id("pay", at=NOW), "account_id": CUSTOMER.account_id, **FACTS, **facts}
        judged = await desk.assess(**facts)
        assert judged.status_code == 200, judged.text
        now = desk.clock.now()
        async with desk.fraud.database.transaction() as connection:
            case_id = await open_case(
                connection,
                payment_id=facts["payment_id"],
                account_id=facts["account_id"],
                kind=kind,  # type: ignore[arg-type]
                score_hundredths=7_250,
                reasons=(),
                signals=signals or {},
                at=now,
                due_at=now + timedelta(hours=24),
            )
        return (await read(desk, case_id)) | {"assessment_id": judged.json()["id"]}

    return hold


async def read(desk: Desk, case_id: str) -> dict[str, Any]:
    answer = await desk.http.get(f"{REVIEWS}/{case_id}", headers=desk.operator)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def post(desk: Desk, case: dict[str, Any], verb: str, by: Caller = OPERATOR, **body: Any) -> Any:
    return await desk.http.post(f"{REVIEWS}/{case['id']}/{verb}", json=body, headers=headers_for(by, "fraud"))


async def rows(desk: Desk, sql: str) -> list[Any]:
    async with desk.fraud.database.transaction() as connection:
        return list(await connection.execute(text(sql)))


async def test_case_has_its_shape(desk: Desk, hold: Hold) -> None:
    made = await hold()
    listed = (await desk.http.get(REVIEWS, headers=desk.operator)).json()["data"]
    [case] = listed
    assert case == {name: made[name] for name in case}
    assert (case["status"], case["kind"], case["score"], case["overdue"]) == ("open", "held", 72.5, False)
    assert case["created_at"] == "2027-01-01T00:00:00Z" and case["due_at"] == "2027-01-02T00:00:00Z"
    assert case["id"].startswith("case_") and case["decided_at"] is None


async def test_case_of_one_payment_is_opened_once(desk: Desk, hold: Hold) -> None:
    first = await hold()
    again = await hold(payment_id=first["payment_id"])
    assert again["id"] == first["id"] and len(again["history"]) == 1


async def test_picture_is_whole(desk: Desk, hold: Hold) -> None:
    other = new_id("acct", at=NOW, entropy=b"other-----")
    stranger = new_id("acct", at=NOW, entropy=b"stranger--")
    theirs = await hold(account_id=other, ip="192.0.2.8", email_hash=None, device_id=None)
    await post(desk, theirs, "reject")
    await desk.assess(account_id=stranger, ip="192.0.2.99", card_fingerprint="fingerprint_2")
    earlier = await hold()
    await post(desk, earlier, "approve")
    await desk.assess(account_id=CUSTOMER.account_id, payment_id="pay_small", amount_usd_minor=999)
    case = await read(desk, (await hold(signals={"amount_usd_minor": 500, "currency": "usd"}))["id"])

    assert case["assessment"]["id"].startswith("asm_") and case["assessment"]["amount"]["amount"] == 500
    assert "features" in case["assessment"]["versions"]
    assert {each["name"] for each in case["signals_in_words"]} == {"amount_usd_minor", "currency"}
    assert all(each["meaning"] for each in case["signals_in_words"])
    payments = {each["payment_id"]: each for each in case["payments"]}
    assert set(payments) == {"pay_small", earlier["payment_id"]}
    assert payments["pay_small"]["amount"] == {"amount": 999, "currency": "usd"}
    assert (payments["pay_small"]["is_fraud"], payments[earlier["payment_id"]]["is_fraud"]) == (None, False)
    assert [each["id"] for each in case["cases"]] == [earlier["id"]]
    [linked] = case["linked_accounts"]
    assert (linked["account_id"], linked["shared"]) == (other, ["card"])
    assert (linked["cases"], linked["cases_rejected"]) == (1, 1)
    assert case["blockable"] == ["email", "device", "card", "ip"]
    assert [step["kind"] for step in case["history"]] == ["opened"]


async def test_accounts_are_linked_by_mailbox_too(desk: Desk, hold: Hold) -> None:
    mailbox = mailbox_hash("eve+1@example.com", BLIND_INDEX_KEY)
    other = new_id("acct", at=NOW, entropy=b"other-----")
    lonely = {"ip": None, "device_id": None, "card_fingerprint": None, "mailbox_hash": mailbox}
    await desk.assess(account_id=other, **lonely)
    case = await hold(**lonely)
    assert [(each["account_id"], each["shared"]) for each in case["linked_accounts"]] == [(other, ["mailbox"])]


@pytest.mark.parametrize(
    ("verb", "decision", "is_fraud"), [("approve", "approved", False), ("reject", "rejected", True)]
)
async def test_decision_writes_everything_at_once(
    desk: Desk, hold: Hold, verb: str, decision: str, is_fraud: bool
) -> None:
    case = await hold()
    desk.clock.advance(timedelta(hours=1))
    answer = await post(desk, case, verb, note="Called them.")
    decided = answer.json()
    assert answer.status_code == 200, answer.text
    assert (decided["status"], decided["decided_by"]) == (decision, OPERATOR.account_id)
    assert decided["decided_at"] == "2027-01-01T01:00:00Z"
    picture = await read(desk, case["id"])
    assert picture["history"][-1] == {
        "kind": decision,
        "by": OPERATOR.account_id,
        "at": "2027-01-01T01:00:00Z",
        "details": {"note": "Called them."},
    }
    assert picture["labels"] == [{"is_fraud": is_fraud, "source": "review", "known_at": "2027-01-01T01:00:00Z"}]
    [line] = await rows(desk, "SELECT actor, action, subject, details FROM audit")
    assert (line.actor, line.action, line.subject) == (OPERATOR.account_id, f"case.{decision}", case["id"])
    assert line.details == {"payment_id": case["payment_id"]}
    [event] = await rows(desk, "SELECT subject, data FROM outbox WHERE kind = 'review.decided'")
    assert event.subject == case["id"]
    assert event.data == {
        "case_id": case["id"],
        "payment_id": case["payment_id"],
        "kind": "held",
        "decision": decision,
        "by": OPERATOR.account_id,
        "at": "2027-01-01T01:00:00+00:00",
    }


async def test_second_decision_is_refused_and_changes_nothing(desk: Desk, hold: Hold) -> None:
    case = await hold()
    assert (await post(desk, case, "approve")).status_code == 200
    deeds: list[tuple[str, Any]] = [("approve", {}), ("reject", {}), ("block", {}), ("assign", {"assignee": None})]
    for verb, body in deeds:
        refused = await post(desk, case, verb, **body)
        assert (refused.status_code, refused.json()["code"]) == (409, "already_decided"), verb
        assert refused.json()["decision"] == "approved"
    assert await desk.listed() == []
    assert len(await rows(desk, "SELECT 1 FROM labels")) == 1
    assert (await post(desk, case, "notes", note="Late.")).status_code == 201


async def test_of_many_deciders_at_once_one_wins(desk: Desk, hold: Hold) -> None:
    case = await hold()
    verbs = ["approve", "reject", "block"] * 6
    by = [OPERATOR, COLLEAGUE]
    answers = await asyncio.gather(*(post(desk, case, verb, by[index % 2]) for index, verb in enumerate(verbs)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code != 200} == {"already_decided"}
    picture = await read(desk, case["id"])
    assert picture["status"] == won[0]["status"] and len(picture["history"]) == 2
    assert len(await rows(desk, "SELECT 1 FROM labels")) == 1
    [event] = await rows(desk, "SELECT data FROM outbox WHERE kind = 'review.decided'")
    assert event.data["decision"] == won[0]["status"]
    assert bool(await desk.listed()) == (picture["history"][-1]["kind"] == "blocked")


async def test_decision_and_end_of_its_payment_at_once_do_not_both_happen(desk: Desk, hold: Hold) -> None:
    async def close(payment_id: str) -> bool:
        async with desk.fraud.database.transaction() as connection:
            return await close_case(connection, payment_id, at=NOW, why="canceled")

    for _ in range(3):
        case = await hold()
        answer, closed = await asyncio.gather(post(desk, case, "approve"), close(case["payment_id"]))
        assert closed == (answer.status_code == 409)
        assert (await read(desk, case["id"]))["status"] == ("closed" if closed else "approved")


async def test_same_idempotency_key_replays_the_decision(desk: Desk, hold: Hold) -> None:
    case = await hold()
    headers = {**desk.operator, "idempotency-key": "once"}
    first = await desk.http.post(f"{REVIEWS}/{case['id']}/approve", headers=headers)
    again = await desk.http.post(f"{REVIEWS}/{case['id']}/approve", headers=headers)
    assert first.status_code == again.status_code == 200, again.text
    assert again.json() == first.json() and again.headers["idempotent-replayed"] == "true"


async def test_failed_decision_leaves_nothing(desk: Desk, hold: Hold) -> None:
    case = await hold(device_id=None)
    refused = await post(desk, case, "block", kinds=["card", "device"])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/kinds")
    past = await post(desk, case, "block", expires_at="2026-12-31T00:00:00Z")
    assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "/expires_at")
    assert (await read(desk, case["id"])) | {"assessment_id": case["assessment_id"]} == case
    assert await desk.listed() == [] and await rows(desk, "SELECT 1 FROM audit") == []


async def test_block_rejects_and_lists_whoever_paid_until_it_expires(desk: Desk, hold: Hold) -> None:
    case = await hold()
    blocked = await post(desk, case, "block", expires_at="2027-01-31T00:00:00Z", reason="stolen cards", note="n")
    assert (blocked.status_code, blocked.json()["status"]) == (200, "rejected")
    entries = {entry["kind"]: entry for entry in await desk.listed()}
    assert set(entries) == {"email", "device", "card", "ip"}
    assert (entries["card"]["value"], entries["ip"]["value"]) == ("fingerprint_1", "192.0.2.7")
    assert {entry["reason"] for entry in entries.values()} == {"stolen cards"}
    assert {entry["source"] for entry in entries.values()} == {case["id"]}
    assert {entry["expires_at"] for entry in entries.values()} == {"2027-01-31T00:00:00Z"}
    step = (await read(desk, case["id"]))["history"][-1]
    assert step["kind"] == "blocked" and set(step["details"]["entries"]) == {e["id"] for e in entries.values()}
    assert len(await rows(desk, "SELECT 1 FROM outbox WHERE kind = 'blacklist.entry_added'")) == 4
    for facts in (
        {"email_hash": EMAIL},
        {"device_id": DEVICE},
        {"card_fingerprint": "fingerprint_1"},
        {"ip": "192.0.2.7"},
    ):
        assert (await desk.assess(account_id=COLLEAGUE.account_id, **facts)).json()["decision"] == "block", facts
    desk.clock.advance(timedelta(days=30))
    again = (await desk.assess(email_hash=EMAIL, card_fingerprint="fingerprint_1")).json()
    assert not [reason for reason in again["reasons"] if reason["code"].startswith("blacklisted")]


async def test_block_takes_the_settings_days_and_keeps_entries_that_last_longer(desk: Desk, hold: Hold) -> None:
    for_ever = (await desk.add("card", "fingerprint_1")).json()
    sooner = (await desk.add("ip", "192.0.2.7", expires_at="2027-01-02T00:00:00Z")).json()
    case = await hold()
    await post(desk, case, "block", kinds=["card", "ip"])
    entries = {entry["kind"]: entry for entry in await desk.listed()}
    assert entries["card"]["id"] == for_ever["id"] and entries["card"]["expires_at"] is None
    assert entries["ip"]["id"] != sooner["id"] and entries["ip"]["expires_at"] == "2027-04-01T00:00:00Z"
    news = await rows(desk, "SELECT kind, subject FROM outbox WHERE kind LIKE 'blacklist.%' ORDER BY written")
    assert [tuple(row) for row in news[2:]] == [
        ("blacklist.entry_removed", sooner["id"]),
        ("blacklist.entry_added", entries["ip"]["id"]),
    ]


async def test_blocks_of_one_card_at_once_make_one_entry(desk: Desk, hold: Hold) -> None:
    made = [await hold() for _ in range(4)]
    answers = await asyncio.gather(*(post(desk, case, "block") for case in made))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(entry["kind"] for entry in await desk.listed()) == ["card", "device", "email", "ip"]


async def test_assigning_and_noting(desk: Desk, hold: Hold) -> None:
    case = await hold()
    assert (await post(desk, case, "assign", assignee=COLLEAGUE.account_id)).json()["assignee"] == COLLEAGUE.account_id
    noted = await post(desk, case, "notes", COLLEAGUE, note=" They paid\nbefore. ")
    assert noted.status_code == 201, noted.text
    assert (await post(desk, case, "assign", assignee=None)).json()["assignee"] is None
    steps = [(step["kind"], step["by"], step["details"]) for step in (await read(desk, case["id"]))["history"][1:]]
    assert steps == [
        ("assigned", OPERATOR.account_id, {"assignee": COLLEAGUE.account_id}),
        ("noted", COLLEAGUE.account_id, {"note": "They paid\nbefore."}),
        ("assigned", OPERATOR.account_id, {"assignee": None}),
    ]
    lines = await rows(desk, "SELECT action, details FROM audit ORDER BY id")
    assert {line.action for line in lines} == {"case.assigned", "case.noted"}
    assert not [line for line in lines if "before" in str(line.details)]
    for verb, body in (
        ("assign", {"assignee": "me"}),
        ("assign", {}),
        ("notes", {"note": " "}),
        ("notes", {"note": "\x00"}),
        ("notes", {"note": "x" * 2_001}),
        ("approve", {"nota": "x"}),
        ("block", {"kinds": []}),
        ("block", {"kinds": ["domain"]}),
    ):
        assert (await post(desk, case, verb, **body)).status_code == 422, (verb, body)


async def test_list_is_filtered_and_paged(desk: Desk, hold: Hold) -> None:
    other = new_id("acct", at=NOW, entropy=b"other-----")
    made = []
    for index in range(5):
        desk.clock.advance(timedelta(seconds=1))
        made.append(
            await hold(kind="watch" if index == 0 else "held", account_id=other if index == 1 else CUSTOMER.account_id)
        )
    ids = [case["id"] for case in made]
    await post(desk, made[2], "reject")
    await post(desk, made[3], "assign", assignee=COLLEAGUE.account_id)

    async def listed(query: str) -> list[str]:
        answer = await desk.http.get(f"{REVIEWS}?{query}", headers=desk.operator)
        assert answer.status_code == 200, answer.text
        return [case["id"] for case in answer.json()["data"]]

    assert await listed("") == ids[::-1]
    assert await listed("status=open") == [ids[4], ids[3], ids[1], ids[0]]
    assert await listed("status=rejected") == [ids[2]]
    assert await listed("kind=watch") == [ids[0]]
    assert await listed(f"account_id={other}") == [ids[1]]
    assert await listed(f"assignee={COLLEAGUE.account_id}") == [ids[3]]
    assert await listed("assignee=none&status=open") == [ids[4], ids[1], ids[0]]
    assert await listed("overdue=true") == []
    first = (await desk.http.get(f"{REVIEWS}?limit=2&status=open", headers=desk.operator)).json()
    assert first["has_more"] and first["next"] == ids[3]
    assert await listed(f"status=open&after={first['next']}") == [ids[1], ids[0]]
    desk.clock.advance(timedelta(hours=24) - timedelta(seconds=3))
    assert await listed("overdue=true") == [ids[1], ids[0]]
    unknown = new_id("case", at=NOW)
    for query in (
        "status=odd",
        "assignee=me",
        "account_id=x",
        "limit=0",
        f"after={unknown}",
        "after=case_1",
        "after=%00",
    ):
        answer = await desk.http.get(f"{REVIEWS}?{query}", headers=desk.operator)
        assert answer.status_code == 422, query


async def test_case_past_its_deadline_is_marked_once(desk: Desk, hold: Hold) -> None:
    late, decided = await hold(), await hold()
    assert (await look_for_due(desk.fraud, NOW)).next_at == NOW + timedelta(hours=24)
    await post(desk, decided, "approve")
    desk.clock.advance(timedelta(hours=24))
    await asyncio.gather(*(mark_overdue(desk.fraud) for _ in range(4)))
    await mark_overdue(desk.fraud)
    picture = await read(desk, late["id"])
    assert picture["overdue"] and [step["kind"] for step in picture["history"]] == ["opened", "overdue"]
    assert picture["history"][-1]["at"] == "2027-01-02T00:00:00Z"
    assert not (await read(desk, decided["id"]))["overdue"]
    assert (await look_for_due(desk.fraud, desk.clock.now())).next_at is None
    assert (await post(desk, late, "approve")).status_code == 200


async def test_ended_payment_closes_its_case(desk: Desk, hold: Hold) -> None:
    case = await hold()
    async with desk.fraud.database.transaction() as connection:
        assert await close_case(connection, case["payment_id"], at=NOW, why="canceled")
        assert not await close_case(connection, case["payment_id"], at=NOW, why="canceled")
        assert not await close_case(connection, "pay_unknown", at=NOW, why="canceled")
    picture = await read(desk, case["id"])
    assert (picture["status"], picture["decided_by"]) == ("closed", "system")
    refused = await post(desk, case, "approve")
    assert (refused.status_code, refused.json()["code"], refused.json()["decision"]) == (
        409,
        "already_decided",
        "closed",
    )
    assert await rows(desk, "SELECT 1 FROM labels") == []


async def test_disputes_teach_labels_once_each(desk: Desk, hold: Hold) -> None:
    case = await hold()
    await post(desk, case, "approve")

    async def hear(status: str, days: int, reason: str = "fraudulent") -> bool:
        async with desk.fraud.database.transaction() as connection:
            label = await learn_from_dispute(
                connection,
                status,
                dispute_id="dp_1",
                payment_id=case["payment_id"],
                reason=reason,
                at=NOW + timedelta(days=days),
            )
        return label is not None

    assert await hear("opened", 5) and not await hear("opened", 5)
    assert await hear("won", 9) and not await hear("lost", 9, "duplicate")
    told = [(label["source"], label["is_fraud"]) for label in (await read(desk, case["id"]))["labels"]]
    assert told == [("review", False), ("dispute", True), ("dispute", False)]


async def test_disputes_news_is_heard_with_the_cursor(desk: Desk, hold: Hold) -> None:
    case = await hold()
    data = {"dispute_id": "dp_1", "payment_id": case["payment_id"], "account_id": "a", "reason": "fraudulent"}
    event = Event(1, "evt", "dispute.opened", "dp_1", data, NOW.isoformat())
    async with desk.fraud.database.transaction() as connection:
        await handle(desk.fraud, connection, event)
    [label] = (await read(desk, case["id"]))["labels"]
    assert label == {"is_fraud": True, "source": "dispute", "known_at": "2027-01-01T00:00:00Z"}


async def test_operator_says_what_a_payment_was(desk: Desk, hold: Hold) -> None:
    case = await hold()
    body = {"payment_id": case["payment_id"], "is_fraud": True}
    said = await desk.http.post(LABELS, json=body, headers=desk.operator)
    assert said.status_code == 201, said.text
    assert said.json() == {**body, "source": "operator", "known_at": "2027-01-01T00:00:00Z"}
    await desk.http.post(LABELS, json={**body, "is_fraud": False}, headers=desk.operator)
    assert [label["is_fraud"] for label in (await read(desk, case["id"]))["labels"]] == [True, False]
    unknown = await desk.http.post(LABELS, json={**body, "payment_id": "pay_1"}, headers=desk.operator)
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/payment_id")


async def test_counters_hear_of_frauds_that_a_decision_finds(desk: Desk, hold: Hold) -> None:
    first, second = await hold(), await hold()

    async def frauds_known() -> int:
        event = VelocityEvent("pay_asked", NOW, 1, CUSTOMER.account_id, None, None, None, None)
        _, history = await desk.fraud.velocity.read_and_count(event, now=NOW)
        return sum(day.frauds for day in history.account.values())

    await post(desk, first, "reject")
    assert await frauds_known() == 1
    await post(desk, second, "approve")
    await desk.http.post(LABELS, json={"payment_id": second["payment_id"], "is_fraud": True}, headers=desk.operator)
    assert await frauds_known() == 2


async def test_who_writes_many_entries_waits_for_others(desk: Desk, hold: Hold) -> None:
    case = await hold()

    async def waiting() -> bool:
        [row] = await rows(
            desk,
            "SELECT count(*) AS n FROM pg_locks JOIN pg_database AS here ON here.oid = database"
            " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted",
        )
        return bool(row.n == 2)

    async with desk.fraud.database.transaction() as connection:
        await many_entries.take_turns(connection)
        blocked = asyncio.create_task(post(desk, case, "block"))
        content = "kind,value\ncard,fingerprint_1\n"
        brought = asyncio.create_task(
            desk.http.post("/api/v1/admin/blacklist/import", content=content, headers=desk.operator)
        )
        await eventually(waiting)
    assert (await blocked).status_code == (await brought).status_code == 200


async def test_unknown_cases_are_not_found(desk: Desk) -> None:
    for case_id in (new_id("case", at=NOW), "case_1", new_id("pay", at=NOW)):
        assert (await desk.http.get(f"{REVIEWS}/{case_id}", headers=desk.operator)).status_code == 404
        for verb, body in (("approve", {}), ("block", {}), ("assign", {"assignee": None}), ("notes", {"note": "x"})):
            assert (await post(desk, {"id": case_id}, verb, **body)).status_code == 404


async def test_only_operators_review(desk: Desk) -> None:
    customer, service = headers_for(CUSTOMER, "fraud"), service_headers("fraud", "billing")
    paths = [("GET", REVIEWS), ("GET", f"{REVIEWS}/case_1"), ("POST", LABELS)]
    paths += [("POST", f"{REVIEWS}/case_1/{verb}") for verb in ("approve", "reject", "block", "assign", "notes")]
    for method, path in paths:
        assert (await desk.http.request(method, path)).status_code == 401
        assert (await desk.http.request(method, path, headers=service)).status_code == 401
        refused = await desk.http.request(method, path, headers=customer, content=b"{broken")
        assert refused.status_code == 403 and refused.json()["code"] == "forbidden"


async def test_steps_labels_and_audit_are_append_only(desk: Desk) -> None:
    for statement in (
        "UPDATE case_steps SET details = '{}'",
        "DELETE FROM case_steps",
        "UPDATE labels SET is_fraud = true",
        "DELETE FROM labels",
        "UPDATE audit SET details = '{}'",
        "DELETE FROM audit",
        "UPDATE cases SET payment_id = 'pay_2'",
        "DELETE FROM cases",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            await rows(desk, statement)
