"""The client that posts many callers' items in one request, against a billing that misbehaves over real HTTP."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.gateway.clients import billing_ledger
from services.gateway.clients.billing_ledger import BillingLedger, BillingOverloaded, BillingUnavailable, _Waiting
from services.gateway.use_cases.paid_call.undo import Undo
from shared.contracts.ledger import MAX_ITEMS, PATH, Release
from tests.support import keys
from tests.support.http import eventually, running


@dataclass
class Billing:
    """Posts everything; `hangs` and `fails` say how many of the next requests get no answer, or 500."""

    batches: list[list[str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    hangs: int = 0
    fails: int = 0
    answer: bytes | None = None
    deadlines_ms: list[int] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def post(self, request: Request) -> Response:
        postings = await request.json()
        items = postings["items"]
        self.deadlines_ms.append(postings["deadline_ms"])
        self.batches.append([item["hold_id"] for item in items])
        if self.hangs:
            self.hangs -= 1
            await asyncio.sleep(3)
        if self.fails:
            self.fails -= 1
            return Response(status_code=500)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.open.wait()
        self.under_way -= 1
        if self.answer is not None:
            return Response(self.answer)
        result = {"verdict": "posted", "charged": 0, "held": 0, "available": 1, "balance": 1}
        return JSONResponse({"results": [result for _ in items]})


@contextlib.asynccontextmanager
async def ledger_of(billing: Billing, **options: Any) -> AsyncIterator[BillingLedger]:
    app = Starlette(routes=[Route(PATH, billing.post, methods=["POST"])])
    async with running(app) as url, ledger_at(url, **options) as ledger:
        yield ledger


@contextlib.asynccontextmanager
async def ledger_at(url: str, **options: Any) -> AsyncIterator[BillingLedger]:
    chosen = {"deadline_ms": 5_000, "batches_in_flight": 2, "most_waiting": 1_000, **options}
    ledger = BillingLedger(url, keys.minter(), **chosen)
    try:
        yield ledger
    finally:
        await ledger.close()


def item(number: int, account_id: str = "acct_1") -> Release:
    return {"op": "release", "hold_id": f"{number}", "account_id": account_id, "outcome": "upstream_failed"}


def hold(number: int, account_id: str = "acct_1") -> Any:
    """Of a hold only what this client looks at."""
    return {"op": "hold", "hold_id": f"{number}", "account_id": account_id}


async def test_what_waits_while_a_batch_is_under_way_makes_the_next() -> None:
    billing = Billing()
    async with ledger_of(billing) as ledger:
        first = asyncio.create_task(ledger.post(item(0)))
        await eventually(lambda: billing.under_way == 1)
        second = asyncio.create_task(ledger.post(item(1)))
        await eventually(lambda: billing.under_way == 2)
        rest = [asyncio.create_task(ledger.post(item(number))) for number in range(2, 402)]
        await asyncio.sleep(0)
        billing.open.set()
        await asyncio.gather(first, second, *rest)
    assert sorted(len(batch) for batch in billing.batches) == [1, 1, 400 - MAX_ITEMS, MAX_ITEMS]
    assert billing.most_under_way == 2


async def test_a_second_request_goes_only_where_the_first_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billing_ledger, "_STUCK_SECONDS", 60.0)
    billing = Billing()
    async with ledger_of(billing) as ledger:
        calls = [asyncio.create_task(ledger.post(item(0)))]
        await eventually(lambda: billing.under_way == 1)
        for number in range(1, 20):
            calls.append(asyncio.create_task(ledger.post(item(number))))
            await asyncio.sleep(0)
        billing.open.set()
        await asyncio.gather(*calls)
    assert [len(batch) for batch in billing.batches] == [1, 19]


@pytest.mark.parametrize("fault", ["hangs", "fails"])
async def test_an_unknown_outcome_is_asked_again_with_the_same_id(fault: str) -> None:
    billing = Billing(**{fault: 1})  # type: ignore[arg-type]
    billing.open.set()
    async with ledger_of(billing) as ledger:
        result = await ledger.post(item(7))
    assert result["verdict"] == "posted"
    assert billing.batches == [["7"], ["7"]]


@pytest.mark.parametrize("fails", [0, 1])
async def test_what_is_busy_only_when_it_is_sent_again_may_stand(fails: int) -> None:
    busy = b'{"results": [{"verdict": "busy", "charged": 0, "held": 0, "available": 0, "balance": 0}]}'
    billing = Billing(fails=fails, answer=busy)
    billing.open.set()
    async with ledger_of(billing) as ledger:
        if not fails:
            assert (await ledger.post(hold(1)))["verdict"] == "busy"
            return
        with pytest.raises(BillingUnavailable) as raised:
            await ledger.post(hold(1))
        assert raised.value.may_have_been_posted


async def test_past_the_deadline_an_item_that_was_sent_may_stand() -> None:
    billing = Billing()
    async with ledger_of(billing, deadline_ms=150) as ledger:
        with pytest.raises(BillingUnavailable) as raised:
            await ledger.post(item(1))
        assert raised.value.may_have_been_posted
        billing.open.set()


async def test_an_item_that_never_left_can_not_stand() -> None:
    async with ledger_at("http://127.0.0.1:1", deadline_ms=150) as ledger:
        with pytest.raises(BillingUnavailable) as raised:
            await ledger.post(item(1))
        assert not raised.value.may_have_been_posted


async def test_an_item_whose_time_ended_while_connecting_can_not_stand() -> None:
    """A listener whose backlog is full answers no one who connects."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as others:
        for _ in range(8):
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        host, port = full.getsockname()
        async with ledger_at(f"http://{host}:{port}", deadline_ms=150) as ledger:
            with pytest.raises(BillingUnavailable) as raised:
                await ledger.post(item(1))
            assert not raised.value.may_have_been_posted


async def test_the_queue_is_bounded() -> None:
    billing = Billing()
    async with ledger_of(billing, most_waiting=3, batches_in_flight=1) as ledger:
        first = asyncio.create_task(ledger.post(item(0)))
        await eventually(lambda: billing.under_way == 1)
        waiting = [asyncio.create_task(ledger.post(item(number))) for number in range(1, 4)]
        await asyncio.sleep(0)
        with pytest.raises(BillingOverloaded):
            await ledger.post(item(9))
        billing.open.set()
        await asyncio.gather(first, *waiting)


async def test_a_flood_delays_another_account_by_no_more_than_its_share() -> None:
    billing = Billing()
    async with ledger_of(billing, batches_in_flight=1, most_waiting=10_000) as ledger:
        calls = [asyncio.create_task(ledger.post(item(0)))]
        await eventually(lambda: billing.under_way == 1)
        calls += [asyncio.create_task(ledger.post(item(number))) for number in range(1, 2_001)]
        calls += [asyncio.create_task(ledger.post(item(9_000 + number, f"acct_{number}"))) for number in range(2, 12)]
        await asyncio.sleep(0)
        billing.open.set()
        await asyncio.gather(*calls)
    assert set(billing.batches[1]) > {f"{9_000 + number}" for number in range(2, 12)}
    flood = [int(number) for batch in billing.batches for number in batch if int(number) < 9_000]
    assert flood == list(range(2_001))


async def test_one_account_may_have_a_quarter_of_the_queue_and_a_quarter_is_kept_for_ends() -> None:
    billing = Billing()
    async with ledger_of(billing, most_waiting=16, batches_in_flight=1) as ledger:
        calls = [asyncio.create_task(ledger.post(hold(0)))]
        await eventually(lambda: billing.under_way == 1)

        async def waits(wanted: Any) -> bool:
            calls.append(asyncio.create_task(ledger.post(wanted)))
            await asyncio.sleep(0)
            return not calls[-1].done()

        assert [await waits(hold(number)) for number in range(1, 8)] == [True] * 5 + [False] * 2
        assert await waits(item(8)), "what ends a call has no share"
        others = [await waits(hold(number, f"acct_{number}")) for number in range(10, 20)]
        assert others == [True] * 6 + [False] * 4
        assert [await waits(item(number)) for number in range(20, 26)] == [True] * 4 + [False] * 2
        billing.open.set()
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ended if isinstance(end, Exception)} == {BillingOverloaded}


@pytest.mark.parametrize("account_id", ["acct_1", "acct_2"])
async def test_while_turns_come_late_calls_are_refused_and_ends_are_not(account_id: str) -> None:
    billing = Billing()
    async with ledger_of(billing, batches_in_flight=1, longest_wait_ms=50) as ledger:
        calls = [asyncio.create_task(ledger.post(hold(number))) for number in range(2)]
        await eventually(lambda: billing.under_way == 1)
        calls.append(asyncio.create_task(ledger.post(hold(2))))
        await eventually(lambda: ledger._is_late(account_id, asyncio.get_running_loop().time()))
        with pytest.raises(BillingOverloaded):
            await ledger.post(hold(3, account_id))
        calls.append(asyncio.create_task(ledger.post(item(4, account_id))))
        await asyncio.sleep(0)
        billing.open.set()
        assert [result["verdict"] for result in await asyncio.gather(*calls)] == ["posted"] * 4
        assert (await ledger.post(hold(5, account_id)))["verdict"] == "posted"


async def test_an_account_that_waits_for_itself_alone_delays_nobody_else() -> None:
    """Its own flood is late, the others' turns are not."""
    billing = Billing()
    async with ledger_of(billing, batches_in_flight=1, longest_wait_ms=1_000) as ledger:
        now = asyncio.get_running_loop().time()
        ledger._queue.add("flood", _never(), at=now - 5)
        ledger._queue.add("flood", _never(), at=now - 5)
        ledger._queue.take(at=now)
        assert ledger._is_late("flood", now)
        assert not ledger._is_late("another", now)


def _never() -> Any:
    return _Waiting(item(0), asyncio.get_running_loop().create_future(), 0.0, 0.0)


async def test_billing_is_told_how_long_its_asker_waits() -> None:
    billing = Billing()
    billing.open.set()
    async with ledger_of(billing, deadline_ms=400) as ledger:
        await ledger.post(item(1))
    assert 0 < billing.deadlines_ms[0] <= 400


@pytest.mark.parametrize("answer", [b"", b"null", b"[]", b'{"results": []}', b'{"results": 7}', b"\xff"])
async def test_an_answer_that_is_none_is_no_verdict(answer: bytes) -> None:
    billing = Billing(answer=answer)
    billing.open.set()
    async with ledger_of(billing, deadline_ms=100) as ledger:
        with pytest.raises(BillingUnavailable) as raised:
            await ledger.post(item(1))
        assert raised.value.may_have_been_posted


async def test_closing_leaves_nobody_waiting() -> None:
    billing = Billing()
    async with ledger_of(billing, batches_in_flight=1) as ledger:
        calls = [asyncio.create_task(ledger.post(item(number))) for number in range(3)]
        await eventually(lambda: billing.under_way == 1)
        late = asyncio.create_task(ledger.post(item(3)))
        await asyncio.sleep(0)
        await ledger.close()
        ends = await asyncio.gather(*calls, late, return_exceptions=True)
        billing.open.set()
    assert [type(end) for end in ends] == [BillingUnavailable] * 4


async def test_who_gave_up_is_not_sent() -> None:
    billing = Billing()
    async with ledger_of(billing, batches_in_flight=1) as ledger:
        first = asyncio.create_task(ledger.post(item(0)))
        await eventually(lambda: billing.under_way == 1)
        second = asyncio.create_task(ledger.post(item(1)))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        billing.open.set()
        await first
    assert billing.batches == [["0"]]


async def test_undoing_waits_for_billing_and_is_done_once_each() -> None:
    billing = Billing(fails=2)
    billing.open.set()
    async with ledger_of(billing, deadline_ms=15) as ledger:
        undo = Undo(ledger)
        undo.later(item(1), item(2))
        working = asyncio.create_task(undo.run())
        ledger._deadline_seconds = 1.0
        await eventually(lambda: not undo._waiting and len(billing.batches) == 3)
        working.cancel()
    assert billing.batches[-1] == ["1", "2"]
