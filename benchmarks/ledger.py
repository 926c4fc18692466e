"""Billing's own posting code against one statement a charge, on a durable PostgreSQL of its own.

`python -m benchmarks.ledger [--seconds 2] [--rounds 3] [--json FILE]`, or as a part of `make bench`.

So many callers charge at once, each its next as soon as its last is posted: all one account, 10,000 accounts evenly,
or by Zipf's law. The naive contestant is what one writes first: a conditional `UPDATE` and an `INSERT` as one
statement through a pool; it keeps no positions, no usage records and no order. The two take turns in each round, and
the medians are reported. CPU is the operating system's: PostgreSQL's processes, and this one, callers included. At the
end the book has to be proved, with as many charges in it as were counted.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import uvloop
from asyncpg.pgproto.pgproto import UUID as FastUUID

from benchmarks import machine
from benchmarks.options import Options
from benchmarks.stack import Stack
from benchmarks.tables import Asked, Table, asked_table
from benchmarks.usage import Meter
from deploy.local.postgres import PostgresServer
from services.billing.domain.ledger.items import Call, Charge, Verdict
from services.billing.use_cases.posting.poster import Poster
from services.billing.use_cases.verify_ledger import verify_ledger
from shared import garbage
from shared.clock import SystemClock
from shared.db import Database
from shared.migrations import migrate_schema

ACCOUNTS = [f"acct_{number:026}" for number in range(10_000)]
IN_FLIGHT = (1, 32, 128, 256)
JUDGED_AT = 128
NAIVE_POOL = 32
_ROLE, _PASSWORD = "bench_billing", "only-in-benchmarks"
_PLENTY = 10**12

Charging = Callable[[str], Awaitable[None]]
Figures = dict[str, Any]


def _hot() -> Iterator[str]:
    return itertools.repeat(ACCOUNTS[0])


def _uniform() -> Iterator[str]:
    return iter(lambda: random.choice(ACCOUNTS), None)


def _zipf() -> Iterator[str]:
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(ACCOUNTS) + 1)))
    drawn = random.choices(ACCOUNTS, cum_weights=weights, k=200_000)
    return itertools.cycle(drawn)


LOADS: dict[str, Callable[[], Iterator[str]]] = {"hot": _hot, "uniform": _uniform, "zipf": _zipf}

NAIVE_SCHEMA = """
CREATE TABLE naive_wallets (account_id text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE naive_charges (id uuid PRIMARY KEY, account_id text NOT NULL, amount bigint NOT NULL,
                            balance_after bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
"""
NAIVE_CHARGE = """
WITH spent AS (
    UPDATE naive_wallets SET balance = balance - $3 WHERE account_id = $1 AND balance >= $3 RETURNING balance
)
INSERT INTO naive_charges (id, account_id, amount, balance_after) SELECT $2, $1, $3, balance FROM spent RETURNING 1
"""


@dataclass(frozen=True)
class Book:
    """The server, both ways to charge on it, and what it has counted."""

    server: PostgresServer
    meter: Meter
    ways: dict[str, Charging]


class _Ids:
    """Time-ordered ids, as cheap as they come."""

    def __init__(self) -> None:
        self._numbers = itertools.count(random.getrandbits(64) << 8)

    def next(self) -> FastUUID:
        return FastUUID(int(time.time() * 1_000).to_bytes(6) + next(self._numbers).to_bytes(10))


def measure(_stack: Stack | None, options: Options) -> Figures:
    """`{"loads": {load: {in flight: {contestant: medians}}}, ...}`. Needs no running stack."""
    with _started() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measured(server, options))


@contextlib.contextmanager
def _started() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="tollgate-ledger-") as folder:
        Path(folder).chmod(0o711)  # where root must run PostgreSQL as another user, that user enters here
        server = PostgresServer.start(Path(folder) / "postgres", durable=True)
        try:
            yield server
        finally:
            server.stop()


async def _measured(server: PostgresServer, options: Options) -> Figures:
    async with _opened(server) as (book, database):
        garbage.settle()  # as every serving process does
        counted = 0
        loads: dict[str, dict[str, Figures]] = {}
        for load, in_flight in itertools.product(LOADS, IN_FLIGHT):
            found: dict[str, list[Figures]] = {way: [] for way in book.ways}
            for number in range(options.rounds + 1):  # the first is for warming up
                for way in sorted(book.ways, reverse=bool(number % 2)):
                    seconds = options.seconds if number else options.seconds / 4
                    charges, figures = await _turn(book, way, load, in_flight, seconds)
                    counted += charges if way == "tollgate" else 0
                    found[way] += [figures] if number else []
            loads.setdefault(load, {})[str(in_flight)] = {way: _medians(rounds) for way, rounds in found.items()}
        proof = await verify_ledger(database)
        assert proof.balanced and proof.transfers == counted + len(ACCOUNTS), "the book is not what was counted"
    return {"seconds": options.seconds, "rounds": options.rounds, "loads": loads, "charges_proved": counted}


@contextlib.asynccontextmanager
async def _opened(server: PostgresServer) -> AsyncIterator[tuple[Book, Database]]:
    parts = urlsplit(server.owner_url)
    service_url = urlunsplit(parts._replace(netloc=f"{_ROLE}:{_PASSWORD}@{parts.netloc.rpartition('@')[2]}"))
    await migrate_schema("billing", owner_url=server.owner_url, service_url=service_url)
    postmaster = await _filled(server.owner_url)
    database = Database(service_url, application="bench")
    poster = Poster(database, SystemClock())
    async with asyncpg.create_pool(server.owner_url, min_size=NAIVE_POOL, max_size=NAIVE_POOL) as pool:
        meter = Meter(lambda: {"postgres": [postmaster]})
        yield Book(server, meter, {"tollgate": _by_poster(poster), "naive": _by_pool(pool)}), database
    await poster.close()
    await database.close()


async def _filled(owner_url: str) -> int:
    """Wallets with plenty in them, for both; the number of the server's first process."""
    owner = await asyncpg.connect(owner_url)
    await owner.execute(NAIVE_SCHEMA)
    await owner.execute("INSERT INTO naive_wallets SELECT unnest($1::text[]), $2::bigint", ACCOUNTS, _PLENTY)
    await owner.execute("SET search_path = billing")
    await owner.execute(
        "INSERT INTO wallets (account_id, balance, last_position, opened_at) SELECT unnest($1::text[]), $2, 1, now()",
        ACCOUNTS,
        _PLENTY,
    )
    ids = _Ids()
    await owner.execute(
        "INSERT INTO transfers (account_id, id, kind, amount, balance_after, position, description, created_at)"
        " SELECT account_id, id, 'purchase', $3, $3, 1, 'Credits', now()"
        " FROM unnest($1::text[], $2::uuid[]) AS new (account_id, id)",
        ACCOUNTS,
        [ids.next() for _ in ACCOUNTS],
        _PLENTY,
    )
    await owner.execute("ANALYZE")
    data = Path(await owner.fetchval("SHOW data_directory"))
    await owner.close()
    return int((data / "postmaster.pid").read_text().split()[0])


def _by_poster(poster: Poster) -> Charging:
    ids = _Ids()

    async def charge(account_id: str) -> None:
        call = Call(ids.next(), "echo", "key_01J00000000000000000000000", 1)
        [result] = await poster.post([Charge(ids.next(), account_id, 1, call)])
        assert result.verdict is Verdict.POSTED

    return charge


def _by_pool(pool: asyncpg.Pool) -> Charging:
    ids = _Ids()

    async def charge(account_id: str) -> None:
        assert await pool.fetchval(NAIVE_CHARGE, account_id, ids.next(), 1)

    return charge


async def _turn(book: Book, way: str, load: str, in_flight: int, seconds: float) -> tuple[int, Figures]:
    accounts, charge, counted = LOADS[load](), book.ways[way], 0
    before, own, began = book.meter.cpu_seconds(), time.process_time(), time.perf_counter()

    async def caller() -> None:
        nonlocal counted
        while time.perf_counter() < began + seconds:
            await charge(next(accounts))
            counted += 1

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    took, own = time.perf_counter() - began, time.process_time() - own
    server = book.meter.cpu_seconds()["postgres"] - before["postgres"]
    return counted, {
        "per_second": counted / took,
        "postgres_us": server / counted * 1e6,
        "client_us": own / counted * 1e6,
    }


def _medians(rounds: list[Figures]) -> Figures:
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def ratio(measured: Figures, load: str, in_flight: int = JUDGED_AT) -> float:
    """How many times the naive contestant's charges a second."""
    found = measured["loads"][load][str(in_flight)]
    return float(found["tollgate"]["per_second"] / found["naive"]["per_second"])


def tables(measured: Figures) -> list[Table]:
    columns = ("", "in flight", "charges/s", "naive", "times", "PostgreSQL us", "naive", "client us", "naive")
    rows = [
        _row(load, in_flight, found, ratio(measured, load, int(in_flight)))
        for load, flights in measured["loads"].items()
        for in_flight, found in flights.items()
    ]
    note = f"{measured['charges_proved']:,} charges, all of them in a book that was proved."
    return [Table("Ledger: charges a second, and CPU time a charge", columns, rows, (note,))]


def _row(load: str, in_flight: str, found: Figures, times: float) -> list[str]:
    ours, naive = found["tollgate"], found["naive"]
    pairs = [f"{one[name]:.0f}" for name in ("postgres_us", "client_us") for one in (ours, naive)]
    return [load, in_flight, f"{ours['per_second']:,.0f}", f"{naive['per_second']:,.0f}", f"{times:.1f}", *pairs]


def asked(measured: Figures) -> list[Asked]:
    lines = []
    for load, times, server_us in (("hot", 30, 15), ("uniform", 3, 25)):
        found = ratio(measured, load)
        used = measured["loads"][load][str(JUDGED_AT)]["tollgate"]["postgres_us"]
        lines += [
            Asked(f"ledger, {load}: charges a second", f">= {times} x naive", f"{found:.1f} x", found >= times),
            Asked(f"ledger, {load}: PostgreSQL's CPU", f"<= {server_us} us", f"{used:.1f} us", used <= server_us),
        ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    measured = measure(None, Options(seconds=given.seconds, rounds=given.rounds))
    print(machine.as_text(machine.described(Path(tempfile.gettempdir()))))
    for table in (*tables(measured), asked_table(asked(measured))):
        print(f"\n{table.as_text()}")
    if given.json is not None:
        given.json.write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
