"""Paid calls through gateway, billing, PostgreSQL and Redis, against the same upstream without a gateway.

Each round asks the upstream directly and then through the gateway, so that what the machine does meanwhile meets both;
the medians of the rounds are reported. A call is a small POST to the seeded `echo` route: key looked up, limits passed,
a durable charge, forwarded, answered. CPU time is the operating system's, divided by the calls that were answered.
The calls that one core of gateway can carry are one second divided by the gateway's CPU time for one.
"""

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks import load
from benchmarks.customer import make_customer
from benchmarks.load import Tally
from benchmarks.stack import Stack

CONCURRENCIES = (1, 32)
WARM_UP_SECONDS = 1.5
MILLICREDITS_A_CALL = 1_000
BODY = b'{"model": "any", "messages": [{"role": "user", "content": "' + b"What does a toll buy? " * 5 + b'"}]}'
CHARGED = ("gateway", "billing", "postgres", "redis")
OK = 200

Round = dict[str, Any]


def measure(stack: Stack, *, seconds: float, rounds: int) -> dict[str, Any]:
    """`{"1": {"direct": {...}, "paid": {...}}, "32": ...}`, each with medians over the rounds, and the rounds."""
    customer = make_customer(stack)
    paths = {"direct": f"{stack.url('demo_upstream')}/echo/bench", "paid": f"{stack.gateway}/proxy/echo/bench"}
    headers = {"direct": {}, "paid": {"X-API-Key": customer.key}}
    requests = {name: load.request_bytes(url, BODY, headers[name]) for name, url in paths.items()}
    before, paid_calls = customer.millicredits(), 0
    results: dict[str, Any] = {"seconds": seconds, "rounds": rounds}
    for connections in CONCURRENCIES:
        found: dict[str, list[Round]] = {name: [] for name in paths}
        for number in range(rounds + 1):  # the first is for warming up
            for name, url in paths.items():
                length = seconds if number else min(seconds, WARM_UP_SECONDS)
                round_, calls = _round(stack, url, requests[name], connections=connections, seconds=length)
                paid_calls += calls if name == "paid" else 0
                if number:
                    found[name].append(round_)
        results[str(connections)] = {name: _summed_up(those) for name, those in found.items()}
    spent = before - customer.millicredits()
    assert spent == paid_calls * MILLICREDITS_A_CALL, f"{paid_calls} calls cost {spent} millicredits"
    results["paid_calls_in_all"] = paid_calls
    return results


def _round(stack: Stack, url: str, request: bytes, *, connections: int, seconds: float) -> tuple[Round, int]:
    before = stack.cpu_seconds()
    tally = load.run(url, request, connections=connections, seconds=seconds)
    after = stack.cpu_seconds()
    assert set(tally.statuses) == {OK}, f"not every call was answered well: {dict(tally.statuses)}"
    cpu = {name: (after[name] - before[name]) / tally.calls * 1e6 for name in after}
    return _figures(tally) | {
        "cpu_us": cpu | {"load_generator": tally.own_cpu_seconds / tally.calls * 1e6}
    }, tally.calls


def _figures(tally: Tally) -> Round:
    return {
        "calls_per_second": tally.calls / tally.seconds,
        "p50_ms": tally.quantile_ms(0.5),
        "p99_ms": tally.quantile_ms(0.99),
    }


def _summed_up(rounds: list[Round]) -> Round:
    def median(read: Callable[[Round], float]) -> float:
        return round(statistics.median(map(read, rounds)), 3)

    middle: Round = {
        name: median(lambda one, name=name: one[name])  # type: ignore[misc]
        for name in ("calls_per_second", "p50_ms", "p99_ms")
    }
    names = rounds[0]["cpu_us"]
    middle["cpu_us"] = {name: median(lambda one, name=name: one["cpu_us"][name]) for name in names}  # type: ignore[misc]
    middle["each_round"] = [round(one["calls_per_second"], 1) for one in rounds]
    return middle


def as_text(measured: dict[str, Any]) -> str:
    rows = ["", f"{'':<16} {'calls/s':>9} {'p50 ms':>8} {'p99 ms':>8}   CPU, us a call"]
    for connections in map(str, CONCURRENCIES):
        for name in ("direct", "paid"):
            one = measured[connections][name]
            cpu = ", ".join(f"{program} {us:.0f}" for program, us in one["cpu_us"].items() if us >= 1)
            figures = f"{one['calls_per_second']:>9.0f} {one['p50_ms']:>8.2f} {one['p99_ms']:>8.2f}"
            rows.append(f"{name + ', ' + connections + ' at once':<16} {figures}   {cpu}")
    for connections in map(str, CONCURRENCIES):
        cpu_us = measured[connections]["paid"]["cpu_us"]
        together = sum(cpu_us[name] for name in CHARGED)
        rows.append(
            f"\n{connections} at once: gateway {cpu_us['gateway']:.0f} us a call, so {1e6 / cpu_us['gateway']:.0f} "
            f"calls/s on one core of gateway; gateway, billing, PostgreSQL and Redis together {together:.0f} us."
        )
    return "\n".join(rows)
