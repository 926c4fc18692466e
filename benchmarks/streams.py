"""Token-priced streams: many at once that say little, and a few whose callers stop reading.

The streams are opened over one interval, so that the events of all together come evenly; each says `EVENTS` of them and
ends with its usage. Gateway's CPU is counted while all are open. The slow readers ask for a stream as fast as it can be
read and stop reading after its head: what grows then is what the gateway keeps for them. Memory is the gateway's
proportional set size, looked at every half second.
"""

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.contestants import OUR_PROGRAMS
from benchmarks.customer import Customer, Operator
from benchmarks.load import request_bytes
from benchmarks.options import Options
from benchmarks.stack import Stack
from benchmarks.started import Upstream, running_upstream
from benchmarks.stream_load import Callers
from benchmarks.tables import Asked, Table
from benchmarks.usage import Meter

EVENTS = 3
FLOOD_MIB = 64
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.5
MILLICREDITS_A_STREAM = 36  # what the upstream reports, at a credit for 1,000 tokens
MOST_MIB_A_SLOW_READER = 4
BODY = (
    b'{"model": "any", "stream": true, "max_tokens": 64, "messages": [{"role": "user", "content": "What is a toll?"}]}'
)


@dataclass
class Watch:
    """The gateway's memory while something happens."""

    meter: Meter
    first_kib: int = 0
    most_kib: int = 0
    _looking: asyncio.Task[None] | None = field(default=None, init=False)

    async def __aenter__(self) -> "Watch":
        self.first_kib = self.most_kib = self.meter.pss_kib("gateway")
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._looking is not None
        self._looking.cancel()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.most_kib = max(self.most_kib, self.meter.pss_kib("gateway"))


def measure(stack: Stack, options: Options) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder, running_upstream(Path(folder)) as upstream:
        operator = Operator.of(stack)
        customer = operator.make_customer()
        with operator.selling(
            f"{upstream.origin}/bench", customer, format="openai", price={"per_1000_tokens": 1}
        ) as sold:
            return {
                "many": uvloop.run(_many(stack, upstream, customer, sold, options)),
                "slow": uvloop.run(_slow(stack, customer, sold, options)),
            }


async def _many(stack: Stack, upstream: Upstream, customer: Customer, sold: str, options: Options) -> dict[str, Any]:
    interval_seconds = options.streams / options.events_per_second
    url = f"{sold}/stream/{EVENTS}/{interval_seconds * 1_000:.0f}/chat/completions"
    meter = Meter(stack.pids, lambda: {"upstream": upstream.pids})
    before = customer.millicredits()
    callers = Callers(url, request_bytes(url, BODY, customer.headers))
    async with Watch(meter) as watch:
        await callers.open(options.streams, within_seconds=interval_seconds)
        cpu_before, began_at = meter.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(interval_seconds * (EVENTS - 1) * 0.9)
        used, took, at_once = meter.cpu_seconds(), time.perf_counter() - began_at, _open_now(callers)
        await callers.ended(within_seconds=interval_seconds + PATIENCE_SECONDS)
    callers.close()
    spent = before - customer.settled_millicredits()
    streams = callers.streams
    return {
        "asked": options.streams,
        "at_once": at_once,
        "events_per_second": options.events_per_second,
        "complete": streams.complete,
        "statuses": _statuses(callers),
        "charged_exactly": spent == streams.complete * MILLICREDITS_A_STREAM,
        "gateway_kib_before": watch.first_kib,
        "gateway_kib_most": watch.most_kib,
        "cores": {name: (used[name] - cpu_before[name]) / took for name in used if name in cpu_before},
    }


async def _slow(stack: Stack, customer: Customer, sold: str, options: Options) -> dict[str, Any]:
    url = f"{sold}/flood/{FLOOD_MIB}/chat/completions"
    callers = Callers(url, request_bytes(url, BODY, customer.headers), stops_reading=True)
    async with Watch(stack.meter) as watch:
        await callers.open(options.slow_readers, within_seconds=1.0)
        await callers.all_begun(within_seconds=PATIENCE_SECONDS)
        await asyncio.sleep(2 * options.seconds)
        stalled = _open_now(callers)
    callers.close()
    return {
        "readers": options.slow_readers,
        "stalled": stalled,
        "statuses": _statuses(callers),
        "mib_each": FLOOD_MIB,
        "gateway_kib_before": watch.first_kib,
        "gateway_kib_most": watch.most_kib,
    }


def _statuses(callers: Callers) -> dict[str, int]:
    return {str(status): count for status, count in callers.streams.statuses.items()}


def _open_now(callers: Callers) -> int:
    return callers.streams.begun - callers.streams.ended


def tables(measured: dict[str, Any]) -> list[Table]:
    many, slow = measured["many"], measured["slow"]
    cores = ", ".join(f"{name} {many['cores'][name]:.3f}" for name in OUR_PROGRAMS)
    rows = [
        ["streams asked, and open at once", f"{many['asked']:,}, {many['at_once']:,}"],
        ["complete, with usage and charge", f"{many['complete']:,}, charged exactly: {_word(many['charged_exactly'])}"],
        ["events a second, of all together", f"{many['events_per_second']}"],
        ["cores used meanwhile", cores],
        ["gateway's memory before and at most, MiB", _memory(many)],
        ["for each stream, KiB", f"{_growth_kib(many) / max(1, many['at_once']):.0f}"],
        [f"readers that stopped, of {slow['mib_each']} MiB each", f"{slow['stalled']} of {slow['readers']}"],
        ["gateway's memory before and at most, MiB", _memory(slow)],
        ["for each of them, KiB", f"{_growth_kib(slow) / slow['readers']:.0f}"],
    ]
    return [Table("Token-priced streams", ("", "measured"), rows)]


def asked(measured: dict[str, Any]) -> list[Asked]:
    many, slow = measured["many"], measured["slow"]
    cores, all_open = many["cores"]["gateway"], many["at_once"] == many["asked"] == many["complete"]
    mib = _growth_kib(slow) / slow["readers"] / 1024
    return [
        Asked(
            f"{many['asked']:,} streams of {many['events_per_second']} events a second in total",
            "all complete, on one core",
            f"{many['complete']:,} on {cores:.2f}",
            all_open and cores <= 1 and many["charged_exactly"],
        ),
        Asked(
            f"memory for a reader that stopped, of {slow['mib_each']} MiB to read",
            f"at most {MOST_MIB_A_SLOW_READER} MiB",
            f"{mib:.1f} MiB",
            mib <= MOST_MIB_A_SLOW_READER,
        ),
    ]


def _growth_kib(one: dict[str, Any]) -> int:
    return int(one["gateway_kib_most"] - one["gateway_kib_before"])


def _memory(one: dict[str, Any]) -> str:
    return f"{one['gateway_kib_before'] / 1024:.1f}, {one['gateway_kib_most'] / 1024:.1f}"


def _word(value: bool) -> str:
    return "yes" if value else "NO"
