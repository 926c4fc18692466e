"""What is said of a metered call while it runs, and counted after it."""

import asyncio
from typing import Any

import pytest

from services.gateway.use_cases.admin_routes import PriceParts
from shared.contracts.ledger import PATH, Item, Result
from shared.db import Database
from shared.ids import decode
from shared.telemetry import REGISTRY
from tests.integration.gateway_proxy.conftest import CREDIT, Customer, Platform, code_of
from tests.integration.gateway_proxy.upstream import answer_of
from tests.support.http import eventually

BY_TOKEN = PriceParts(per_1000_tokens=CREDIT)
FULL = 5_000 * CREDIT
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize(
    ("usage", "kind"),
    [
        (b'{"id": 1}', "missing"),
        (b'{"usage": {"total_tokens": -5}}', "negative"),
        (b'{"usage": {"total_tokens": 1e40}}', "absurd"),
        (b'{"usage": {"total_tokens": 9}, "usage": {"total_tokens": 3}}', "doubled"),
    ],
)
async def test_usage_not_taken_at_its_word_is_flagged_and_counted_by_why(
    platform: Platform, billing_db: Database, usage: bytes, kind: str
) -> None:
    await platform.route("demo", price=PriceParts(per_1000_tokens=CREDIT, minimum=CREDIT))
    platform.upstream.answers["/x"] = answer_of(usage)
    customer = await platform.customer()
    before = counted("tollgate_metering_faults_total", route="demo", kind=kind)
    answer = await customer.http.post("/proxy/demo/x", json=CHAT)
    assert answer.headers["x-credits-charged"] == "1"
    assert counted("tollgate_metering_faults_total", route="demo", kind=kind) == before + 1
    pool = await billing_db.asyncpg_pool()
    request_id = decode("req", answer.headers["x-request-id"])
    assert await pool.fetchval("SELECT flagged FROM usage_records WHERE request_id = $1", request_id) is True


@pytest.mark.parametrize(("credits", "max_hold", "charged"), [(5_000, 4 * CREDIT, 4), (2, 10**9, 2)])
async def test_what_a_call_costs_beyond_its_hold_is_written_off_and_counted(
    platform: Platform, credits: int, max_hold: int, charged: int
) -> None:
    """The hold is bounded by the route in one case, by what was available in the other."""
    await platform.route("demo", price=PriceParts(per_1000_tokens=1_000 * CREDIT), max_hold=max_hold)
    customer = await platform.customer(credits=credits)
    before = counted("tollgate_written_off_millicredits_total")
    answer = await customer.http.post("/proxy/demo/chat/completions", json=CHAT)
    assert answer.headers["x-credits-charged"] == str(charged)
    assert counted("tollgate_written_off_millicredits_total") == before + (10 - charged) * CREDIT


async def test_an_open_stream_tells_what_it_has_cost_until_it_is_captured(
    platform: Platform, billing_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    said = listen(platform, monkeypatch)
    call = asyncio.create_task(customer.http.post("/proxy/demo/slow/chat/completions", json={**CHAT, "stream": True}))
    pool = await billing_db.asyncpg_pool()

    async def spent() -> bool:
        return bool(await pool.fetchval("SELECT spent FROM holds WHERE account_id = $1", customer.account_id) == 100)

    await eventually(spent)
    progress = platform.gateway.paid._progress
    await progress.tell_all()
    count = len(said)
    await progress.tell_all()
    assert len(said) == count, "nothing moved"
    platform.upstream.go_on.set()
    assert (await call).text.endswith("data: [DONE]\n\n")
    await progress.tell_all()
    assert len(said) == count and not progress._open
    await platform.settled(customer.account_id, FULL - 100)


def listen(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """What of progress goes to billing."""
    ledger, said = platform.gateway.paid._ledger, list[Item]()
    post = ledger.post

    async def heard(item: Item) -> Result:
        if item["op"] == "progress":
            said.append(item)
        return await post(item)

    monkeypatch.setattr(ledger, "post", heard)
    return said


async def test_a_capture_after_its_hold_has_ended_refuses_a_whole_answer(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    call = asyncio.create_task(customer.http.post("/proxy/demo/held", json=CHAT))
    await eventually(lambda: platform.upstream.received)
    await end_hold(platform, customer)
    platform.upstream.go_on.set()
    answer = await call
    assert (answer.status_code, code_of(answer)) == (503, "billing_unavailable")
    await platform.settled(customer.account_id, FULL)


async def end_hold(platform: Platform, customer: Customer) -> None:
    """As its expiry does: nothing can be captured any more."""
    request_id = decode("req", platform.upstream.received[0].header("x-request-id") or "")
    release = {
        "op": "release", "hold_id": str(request_id), "account_id": customer.account_id, "outcome": "unknown",
    }  # fmt: skip
    await platform.gateway.billing.post(PATH, {"items": [release]}, idempotent=False)
