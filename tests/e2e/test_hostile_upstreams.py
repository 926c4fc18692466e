"""Upstreams that hang, lie, drop, drip and flood, through the whole stack: what the caller got, what the ledger says,
and what the gateway's memory does meanwhile.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import books
from tests.e2e.callers import CREDIT, Customer, Operator, bearer, exact, millicredits, register
from tests.e2e.hostile import Hostile
from tests.e2e.running import Running
from tests.e2e.waiting import eventually
from tests.e2e.wire import Line, Lost, Reply

MOST_HELD, MINIMUM = 50, 2
PATIENT_MS, HASTY_MS = 20_000, 700
ENDS_WITHIN = 30.0
MEGABYTE = 1024
CHAT = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1_000}


@dataclass
class Shop:
    """A customer with credits, a key without limits, and routes to the hostile upstream by name."""

    gateway: str
    customer: Customer
    key: str
    routes: Mapping[str, str]

    def ask(self, route: str, path: str, *, leave_after: float | None = None, **body: Any) -> Reply:
        """A complete answer, or Lost: then it was visibly cut."""
        return asyncio.run(self.asking(route, path, leave_after=leave_after, **body))

    async def asking(self, route: str, path: str, *, leave_after: float | None = None, **body: Any) -> Reply:
        line = Line(self.gateway)
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        content = json.dumps({**CHAT, **body}).encode()
        try:
            where = f"/proxy/{self.routes[route]}/{path}"
            return await line.ask("POST", where, headers, content, leave_after=leave_after)
        finally:
            line.close()

    def cost(self, request_id: str) -> int:
        return books.net_by_reference(self.customer).get(request_id, 0)

    def record(self, request_id: str) -> dict[str, Any]:
        found = self.customer.get(f"/api/v1/usage/requests/{request_id}")
        assert found.status_code == 200, found.text
        record: dict[str, Any] = exact(found)
        return record

    def assert_free(self, request_id: str) -> None:
        """In the end, and told as the upstream's failure."""
        eventually(lambda: self.cost(request_id) == 0, seconds=ENDS_WITHIN, what=f"{request_id} costs nothing")
        eventually(
            lambda: self.record(request_id)["outcome"] == "upstream_failed", seconds=ENDS_WITHIN, what="it is told so"
        )
        assert self.record(request_id)["credits"] == 0


PRICES: dict[str, dict[str, Any]] = {
    "known": {"price": {"per_call": 3}, "format": "raw"},
    "tokens": {"price": {"per_1000_tokens": 1_000, "minimum": MINIMUM}, "format": "openai", "max_hold": MOST_HELD},
    "units": {"price": {"per_unit": 1, "minimum": MINIMUM}, "format": "raw", "max_hold": MOST_HELD},
}


@pytest.fixture(scope="module")
def shop(running_stack: Running, operator: Operator) -> Iterator[Shop]:
    with Hostile() as hostile:
        customer = register(running_stack.gateway)
        operator.grant(customer, 10_000)
        key = customer.key()
        operator.limit(key, per_minute=None, per_day=None)
        here = replace(operator, upstream=hostile.url)
        routes = {name: here.route("", timeout_ms=PATIENT_MS, **terms) for name, terms in PRICES.items()}
        routes |= {f"hasty {name}": here.route("", timeout_ms=HASTY_MS, **PRICES[name]) for name in ("known", "tokens")}
        yield Shop(running_stack.gateway, customer, key.text, routes)
        books.assert_whole(operator, customer, holds_end_within=30)


@pytest.mark.parametrize("price", ["known", "tokens"])
@pytest.mark.parametrize("path", ["close", "half-head", "no-http", "flood-headers", "flood-a-header", "flood-interim"])
def test_no_proper_answer_is_502_and_free(shop: Shop, price: str, path: str) -> None:
    reply = shop.ask(price, path)
    assert (reply.status, reply.code) == (502, "upstream_error")
    assert reply.headers["x-credits-charged"] == "0"
    shop.assert_free(reply.request_id)


@pytest.mark.parametrize("price", ["hasty known", "hasty tokens"])
@pytest.mark.parametrize("path", ["hang", "half-head-and-hang", "drip-head"])
def test_no_answer_in_time_is_504_and_free(shop: Shop, price: str, path: str) -> None:
    reply = shop.ask(price, path)
    assert (reply.status, reply.code) == (504, "upstream_timeout")
    assert reply.headers["x-credits-charged"] == "0"
    shop.assert_free(reply.request_id)


@pytest.mark.parametrize(
    ("price", "path"),
    [
        ("known", "shorter-than-said"),
        ("known", "drop"),
        ("hasty known", "hang-in-body"),
        ("hasty known", "drip"),
        ("hasty known", "flood"),
        ("tokens", "drop-stream"),
        ("hasty tokens", "drip-stream"),
        ("hasty tokens", "flood"),
        ("hasty tokens", "flood-events"),
        ("hasty tokens", "flood-one-event"),
        ("hasty tokens", "flood-last-words"),
    ],
)
def test_answer_that_breaks_off_is_visibly_cut_and_free(shop: Shop, price: str, path: str) -> None:
    with pytest.raises(Lost) as cut:
        shop.ask(price, path, stream=True)
    assert cut.value.status == 200
    assert cut.value.request_id is not None
    shop.assert_free(cut.value.request_id)


@pytest.mark.parametrize(
    ("price", "path", "status"),
    [
        ("tokens", "shorter-than-said", 502),
        ("tokens", "drop", 502),
        ("hasty tokens", "hang-in-body", 504),
        ("hasty tokens", "drip", 504),
    ],
)
def test_answer_that_is_kept_back_for_its_price_and_breaks_off_is_a_failure(
    shop: Shop, price: str, path: str, status: int
) -> None:
    reply = shop.ask(price, path)
    assert reply.status == status
    assert reply.headers["x-credits-charged"] == "0"
    shop.assert_free(reply.request_id)


def test_stream_that_breaks_off_after_its_usage_is_cut_and_costs_what_it_said(shop: Shop) -> None:
    with pytest.raises(Lost) as cut:
        shop.ask("tokens", "drop-stream-after-usage", stream=True)
    assert cut.value.request_id is not None
    assert shop.cost(cut.value.request_id) == 7 * CREDIT
    assert shop.record(cut.value.request_id)["flagged"] is True


@pytest.mark.parametrize("price", ["known", "units"])
def test_what_comes_beyond_the_length_that_was_said_reaches_nobody(shop: Shop, price: str) -> None:
    for _ in range(3):
        reply = shop.ask(price, "longer-than-said")
        assert (reply.status, reply.body) == (200, b"four")
        assert shop.cost(reply.request_id) == {"known": 3, "units": MINIMUM}[price] * CREDIT
        assert shop.ask(price, "ok").body == b"ok"


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("lie", "credits", "flagged"),
    [
        ("honest", 7, False),
        ("missing", MINIMUM, True),
        ("null", MINIMUM, True),
        ("negative", MINIMUM, True),
        ("absurd", MINIMUM, True),
        ("float", MINIMUM, True),
        ("nan", MINIMUM, True),
        ("text", MINIMUM, True),
        ("no-object", MINIMUM, True),
        ("doubled", 9, True),
        ("contradictory", 9, True),
        ("beyond-the-hold", MOST_HELD, False),
    ],
)
def test_usage_is_not_believed_beyond_sense_and_hold(
    shop: Shop, *, lie: str, credits: int, flagged: bool, is_stream: bool
) -> None:
    reply = shop.ask("tokens", f"usage/{lie}", stream=is_stream)
    assert reply.status == 200
    assert_costs(shop, reply, credits=credits, flagged=flagged)
    if not is_stream:
        assert reply.headers["x-credits-charged"] == str(credits)


def test_usage_twice_in_a_stream_counts_as_the_larger(shop: Shop) -> None:
    assert_costs(shop, shop.ask("tokens", "usage-twice", stream=True), credits=9, flagged=True)


@pytest.mark.parametrize(
    ("said", "credits", "flagged"),
    [
        ("5", 5, False),
        ("3,3", 3, False),
        ("3,7", 7, True),
        ("7,-3", 7, True),
        ("", MINIMUM, True),
        ("-5", MINIMUM, True),
        ("1000000000000000000", MINIMUM, True),
        ("1e18", MINIMUM, True),
        ("nan", MINIMUM, True),
        ("900000000", MOST_HELD, False),
    ],
)
def test_units_are_not_believed_beyond_sense_and_hold(shop: Shop, said: str, credits: int, flagged: bool) -> None:
    reply = shop.ask("units", f"units/{said}")
    assert (reply.status, reply.body) == (200, b"ok")
    assert_costs(shop, reply, credits=credits, flagged=flagged)
    assert reply.headers["x-credits-charged"] == str(credits)


def assert_costs(shop: Shop, reply: Reply, *, credits: int, flagged: bool) -> None:
    eventually(
        lambda: shop.record(reply.request_id)["outcome"] == "delivered", seconds=ENDS_WITHIN, what="it is delivered"
    )
    record = shop.record(reply.request_id)
    assert shop.cost(reply.request_id) == millicredits(record["credits"]) == credits * CREDIT
    assert record["held"] <= MOST_HELD
    assert record["flagged"] is flagged


def test_lies_are_counted(shop: Shop, operator: Operator) -> None:
    def counted() -> float:
        page = operator.http.get("/metrics/prometheus", headers=bearer(operator.token)).text
        mine = [line for line in page.splitlines() if shop.routes["tokens"] in line and 'negative"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in mine if "_total{" in line)

    before = counted()
    shop.ask("tokens", "usage/negative")
    assert counted() == before + 1


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read the Linux way")
@pytest.mark.parametrize(
    ("price", "path", "callers", "megabytes"),
    [
        ("hasty known", "flood", 8, 40),
        ("hasty tokens", "flood-events", 8, 40),
        ("hasty tokens", "flood-one-event", 8, 60),
        ("hasty tokens", "flood-last-words", 8, 40),
        ("hasty tokens", "flood", 3, 160),
        ("tokens", "bomb", 3, 120),
    ],
)
def test_flood_takes_little_memory(
    running: Running, shop: Shop, *, price: str, path: str, callers: int, megabytes: int
) -> None:
    """Whatever comes, and however little of it is read: a slow caller takes none of it for a second, and leaves."""
    before = pss(running)
    most = asyncio.run(most_while(running, shop, price, path, callers=callers))
    print(f"{path}: {before // MEGABYTE} MiB, then at most {most // MEGABYTE}")
    assert most - before < megabytes * MEGABYTE, f"{(most - before) // MEGABYTE} MiB for {callers} calls"
    eventually(lambda: shop.customer.wallet()["held"] == 0, seconds=ENDS_WITHIN, what="nothing stays held")


async def most_while(running: Running, shop: Shop, price: str, path: str, *, callers: int) -> int:
    """The gateway's memory at its highest, while half of the callers read as fast as they can and half don't."""
    asking = [asyncio.create_task(quietly(shop, price, path)) for _ in range(callers)]
    sleeping = [asyncio.create_task(unread(shop, price, path)) for _ in range(callers)]
    most, deadline = 0, time.monotonic() + ENDS_WITHIN
    while not all(task.done() for task in asking + sleeping):
        most = max(most, await asyncio.to_thread(pss, running))
        assert time.monotonic() < deadline, "a flood ends"
        await asyncio.sleep(0.02)
    await asyncio.gather(*asking, *sleeping)
    return most


async def quietly(shop: Shop, price: str, path: str) -> None:
    with suppress(Lost):
        await shop.asking(price, path, stream=path != "flood" or None)


async def unread(shop: Shop, price: str, path: str) -> None:
    where, headers = f"/proxy/{shop.routes[price]}/{path}", {"X-API-Key": shop.key}
    await Line(shop.gateway).ask_unread("POST", where, headers, b"{}", seconds=1.2)


def pss(running: Running) -> int:
    """Proportional set size of the gateway's processes, in KiB."""
    total = 0
    for pid in running.pids("gateway"):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total
