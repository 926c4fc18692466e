"""The gateway's memory after many calls of many keys.

The keys are one account's, written straight into the gateway's table as copies of a key that was made through the API
(its limits lifted): making ten thousand through the API would take longer than calling them. All calls go through the
API, a connection asking the keys in turn. The account's balance is compared with the calls at the end.
"""

import asyncio
import hashlib
import secrets
import tempfile
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks import load
from benchmarks.customer import Customer, Operator
from benchmarks.options import Options
from benchmarks.paid_calls import BODY, MILLICREDITS_A_CALL, Unexplained
from benchmarks.stack import Stack
from benchmarks.started import running_upstream
from benchmarks.tables import Asked, Table

AT_ONCE = 32
MOST_MEGABYTES = 120


def measure(stack: Stack, options: Options) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder, running_upstream(Path(folder)) as upstream:
        operator = Operator.of(stack)
        customer = operator.make_customer()
        keys = asyncio.run(_copied_keys(stack.database_url, customer, options.keys))
        with operator.selling(f"{upstream.origin}/bench", customer, price={"per_call": 1}) as sold:
            before_kib, before = stack.meter.pss_kib("gateway"), customer.millicredits()
            url = f"{sold}/chat"
            requests = [load.request_bytes(url, BODY, {"X-API-Key": key}) for key in keys]
            round_ = load.run(url, requests, connections=AT_ONCE, calls=options.calls)
            spent = before - customer.settled_millicredits()
            if round_.errors or spent != round_.calls * MILLICREDITS_A_CALL:
                raise Unexplained(f"{round_.calls} calls, {round_.errors} errors, {spent} millicredits spent")
            return {
                "keys": options.keys,
                "calls": round_.calls,
                "calls_per_second": round_.calls_per_second,
                "gateway_kib_before": before_kib,
                "gateway_kib_after": stack.meter.pss_kib("gateway"),
            }


async def _copied_keys(database_url: str, customer: Customer, count: int) -> list[str]:
    """So many keys of an imported key's shape; all else is as in the customer's own."""
    keys = [f"bench_{secrets.token_urlsafe(24)}" for _ in range(count)]
    ids = [f"key_bench{secrets.token_hex(10)}" for _ in range(count)]
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        await connection.execute(
            """
            INSERT INTO gateway.api_keys (id, account_id, key_hash, name, prefix, last4, scopes, allowed_ips,
                own_per_minute, own_per_day, most_per_minute, most_per_day, created_at)
            SELECT made.id, account_id, made.key_hash, name, prefix, last4, scopes, allowed_ips,
                own_per_minute, own_per_day, most_per_minute, most_per_day, created_at
            FROM gateway.api_keys, unnest($2::text[], $3::bytea[]) AS made (id, key_hash)
            WHERE api_keys.id = $1
            """,
            customer.key_id,
            ids,
            [hashlib.sha256(key.encode()).digest() for key in keys],
        )
    finally:
        await connection.close()
    return keys


def tables(measured: dict[str, Any]) -> list[Table]:
    row = [
        f"{measured['calls']:,}",
        f"{measured['keys']:,}",
        f"{measured['calls_per_second']:,.0f}",
        f"{measured['gateway_kib_before'] / 1024:.1f}",
        f"{measured['gateway_kib_after'] / 1024:.1f}",
    ]
    columns = ("calls", "keys", "calls/s", "before", "after")
    return [Table("Gateway's memory after many calls of many keys, PSS in MiB", columns, [row])]


def asked(measured: dict[str, Any]) -> list[Asked]:
    megabytes = measured["gateway_kib_after"] * 1024 / 1e6
    what = f"gateway's memory after {measured['calls']:,} calls of {measured['keys']:,} keys"
    return [Asked(what, f"under {MOST_MEGABYTES} MB", f"{megabytes:.0f} MB", megabytes < MOST_MEGABYTES)]
