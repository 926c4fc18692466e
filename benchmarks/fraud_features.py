"""Fraud's features: what counting and reading a payment's counters costs, on a Redis of its own.

`python -m benchmarks.fraud_features [--seconds 2] [--rounds 3] [--json FILE]`, or as a part of `make bench`.

Beside it an `EVALSHA` of a script that does nothing, over the same kind of connection with as many keys. A payment is
made by one of 10,000 accounts, each with a card, an address, a device and a mailbox of its own (`usual`), by five
entities that were never seen (`new`), or always by the same five, each of which had 3,000 payments within a day, with
as many values of all kinds (`busiest`). One at once, each its next as soon as the last was answered, and eight at once,
as many as a script call takes. CPU is the operating system's for Redis, and this process's. The memory is what Redis
says of an entity's keys.
"""

import argparse
import asyncio
import contextlib
import hashlib
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from redis.asyncio import Redis

from benchmarks import machine
from benchmarks.options import Options
from benchmarks.stack import Stack
from benchmarks.tables import Asked, Table, asked_table
from deploy.local.redis import RedisServer
from services.fraud.domain.velocity import Entity, VelocityEvent
from services.fraud.store.velocity import Velocity, key_of
from shared import bus, garbage
from shared.script_lines import ScriptLines, pack

IN_FLIGHT = (1, 8)
CASES = ("bare", "new", "usual", "busiest")
ACCOUNTS = 10_000
DAY_PAYMENTS = 3_000
PATIENCE_MS = 3
"""What FRAUD_FEATURES_TIMEOUT_MS is in production."""

_NOTHING = b"return ''"
_SHA = hashlib.sha1(_NOTHING, usedforsecurity=False).hexdigest().encode()
Figures = dict[str, Any]
Turn = Callable[[], Awaitable[object]]


def measure(_stack: Stack | None, options: Options) -> Figures:
    """`{"cases": {in flight: {case: medians}}, "bytes": {entity: bytes}, ...}`. Needs no running stack."""
    with tempfile.TemporaryDirectory(prefix="tollgate-features-") as folder:
        server = RedisServer.start(Path(folder) / "redis")
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_measured(server.url, options))
        finally:
            server.stop()


async def _measured(url: str, options: Options) -> Figures:
    async with _opened(url) as bench:
        found: dict[tuple[int, str], list[Figures]] = {}
        for number in range(options.rounds + 1):  # the first is for warming up
            for in_flight, case in itertools.product(IN_FLIGHT, sorted(CASES, reverse=bool(number % 2))):
                seconds = options.seconds if number else options.seconds / 4
                figures = await bench.turn(case, in_flight, seconds)
                found.setdefault((in_flight, case), []).extend([figures] if number else [])
        cases = {str(n): {case: _medians(found[n, case]) for case in CASES} for n in IN_FLIGHT}
        return {"seconds": options.seconds, "rounds": options.rounds, "cases": cases, "bytes": await bench.sizes()}


@contextlib.asynccontextmanager
async def _opened(url: str) -> AsyncIterator["Bench"]:
    redis = bus.connect(url)
    bench = Bench(redis)
    await bench.fill()
    garbage.settle()
    try:
        yield bench
    finally:
        await bench.close()
        await redis.aclose()


@dataclass
class Bench:
    """The counters and the script beside them, and who pays next in each case."""

    redis: Redis
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.velocity = Velocity(self.redis, patience_ms=10_000)
        self.bare = ScriptLines[bytes](self.redis, _NOTHING, key_of=lambda key: key, packed=_bare)

    async def fill(self) -> None:
        """A day of the busiest."""
        now = datetime.now(UTC)
        hours = [now - timedelta(hours=number % 24) for number in range(DAY_PAYMENTS)]
        for number, at in enumerate(hours):
            for kind in ("account", "card", "ip", "device", "mailbox"):
                others = {name: f"x{number}" for name in ("account", "card", "ip", "device") if name != kind}
                event = VelocityEvent(f"day_{kind}_{number}", at, 100, **{"account": "b", **others, kind: "b"})
                await self.velocity.count(event, now=now)

    async def turn(self, case: str, in_flight: int, seconds: float) -> Figures:
        """Closed loops for so long; microseconds of CPU and milliseconds of waiting a call."""
        one = self._bare if case == "bare" else lambda: self._payment(case)
        took: list[float] = []
        redis_before, own_before = await self._redis_us(), time.process_time()
        began = time.perf_counter()
        await asyncio.gather(*(_loop(one, took, began + seconds) for _ in range(in_flight)))
        wall, own = time.perf_counter() - began, time.process_time() - own_before
        redis_us = await self._redis_us() - redis_before
        took.sort()
        return {
            "calls_per_second": len(took) / wall,
            "p50_us": took[len(took) // 2] * 1e6,
            "p99_us": took[len(took) * 99 // 100] * 1e6,
            "redis_us": redis_us / len(took),
            "own_us": own * 1e6 / len(took),
        }

    async def sizes(self) -> Figures:
        """Bytes in Redis of an entity with one payment, and of the busiest, by kind of entity."""
        await self.velocity.count(_paid("quiet", "q"), now=datetime.now(UTC))
        return {
            f"{kind}, {what}": await self._bytes(Entity(kind, value))
            for kind in ("account", "card", "ip", "device", "mailbox")
            for what, value in (("one payment", "q"), ("the busiest", "b"))
        }

    async def close(self) -> None:
        await self.velocity.close()
        await self.bare.close()

    async def _bare(self) -> None:
        await self.bare.ask([b"bare"], deadline_seconds=10)

    async def _payment(self, case: str) -> None:
        number = next(self.numbers)
        who = {"new": f"n{number}", "usual": f"u{random.randrange(ACCOUNTS)}", "busiest": "b"}[case]
        await self.velocity.read_and_count(_paid(f"pay_{number}", who), now=datetime.now(UTC))

    async def _redis_us(self) -> float:
        used = await self.redis.info("cpu")
        return (float(used["used_cpu_user"]) + float(used["used_cpu_sys"])) * 1e6

    async def _bytes(self, entity: Entity) -> int:
        keys = [key async for key in self.redis.scan_iter(match=key_of(entity) + b"*", count=10_000)]
        return sum([await self.redis.memory_usage(key, samples=0) or 0 for key in keys])


def _paid(name: str, who: str) -> VelocityEvent:
    return VelocityEvent(name, datetime.now(UTC), 100, who, who, who, who, who)


async def _loop(one: Turn, took: list[float], until: float) -> None:
    while (began := time.perf_counter()) < until:
        await one()
        took.append(time.perf_counter() - began)


def _bare(keys: Any) -> bytes:
    return pack(b"EVALSHA", _SHA, b"%d" % (5 * len(keys)), *(key for key in keys for _ in range(5)))


def _medians(rounds: list[Figures]) -> Figures:
    return {name: round(statistics.median(each[name] for each in rounds), 1) for name in rounds[0]}


def tables(measured: Figures) -> list[Table]:
    rows = [
        [f"{case}, {n} at once", *(f"{figures[name]:,.0f}" for name in _SHOWN)]
        for n, cases in measured["cases"].items()
        for case, figures in cases.items()
    ]
    sizes = [[entity, f"{size:,}"] for entity, size in measured["bytes"].items()]
    return [
        Table("Counting and reading a payment's counters", ("", *_SHOWN.values()), rows),
        Table("Memory of an entity's counters in Redis", ("", "bytes"), sizes),
    ]


_SHOWN = {
    "calls_per_second": "calls/s",
    "p50_us": "p50 us",
    "p99_us": "p99 us",
    "redis_us": "Redis us",
    "own_us": "own us",
}


def asked(measured: Figures) -> list[Asked]:
    p99_ms = measured["cases"]["1"]["usual"]["p99_us"] / 1_000
    return [
        Asked(
            "a usual payment's features, alone: p99",
            f"under {PATIENCE_MS} ms",
            f"{p99_ms:.2f} ms",
            p99_ms < PATIENCE_MS,
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fraud_features")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    measured = measure(None, Options(seconds=given.seconds, rounds=given.rounds))
    print(machine.as_text(machine.described(Path.cwd())))
    print("\n\n".join(table.as_text() for table in (*tables(measured), asked_table(asked(measured)))))
    if given.json is not None:
        given.json.write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
