"""The paid call against the bare upstream, a naive gateway, and gateways that charge nothing, all in one run.

In each round every contestant has its turn, beginning with another one each time, so that what the machine does
meanwhile meets all; the medians of the rounds are reported. A call is a small POST. Ours is key looked up, limits
passed, a durable charge, forwarded, answered. CPU time is the operating system's for every program, divided by the
calls that were answered. At the end the customer's balance has to be what the number of calls says.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks import load, wrk
from benchmarks.contestants import OURS, Contestant, Field, taking_part
from benchmarks.load import Round
from benchmarks.options import Generator, Options
from benchmarks.stack import Stack
from benchmarks.usage import Meter

MILLICREDITS_A_CALL = 1_000
BODY = b'{"model": "any", "messages": [{"role": "user", "content": "' + b"What does a toll buy? " * 5 + b'"}]}'
GENERATOR = "load_generator"

Figures = dict[str, Any]


class Unexplained(AssertionError):
    """The calls that were answered and the credits that were spent do not fit: nothing else counts then."""


def measure(stack: Stack, options: Options) -> dict[str, Any]:
    """`{"at_once": {"32": {contestant: medians}}, "skipped": {peer: why}, ...}`."""
    with taking_part(stack, options.peers) as field:
        idle = _idle(field.meter, options.seconds)
        before, paid, cut_off = field.customer.millicredits(), 0, 0
        at_once: dict[str, dict[str, Figures]] = {}
        for connections in options.at_once:
            found: dict[str, list[Figures]] = {one.name: [] for one in field.contestants}
            for number in range(options.rounds + 1):  # the first is for warming up
                for one in _in_turn(field.contestants, number):
                    round_, figures = _turn(one, field.meter, options, connections=connections)
                    if one.name == OURS:
                        paid, cut_off = paid + round_.calls, cut_off + round_.cut_off
                    if number:
                        found[one.name].append(figures)
            at_once[str(connections)] = {
                one.name: _medians(found[one.name]) | _own_cpu(one, found[one.name]) for one in field.contestants
            }
        _check_balance(field, before, paid, cut_off)
    return {
        "generator": options.generator,
        "seconds": options.seconds,
        "rounds": options.rounds,
        "idle_us_a_second": idle,
        "at_once": at_once,
        "skipped": field.skipped,
        "paid_calls_in_all": paid,
    }


def ask(one: Contestant, generator: Generator, *, connections: int, seconds: float) -> Round:
    """One round of the small POST by the load generator that was chosen."""
    if generator == "wrk":
        return wrk.run(one.url, BODY, one.headers, connections=connections, seconds=seconds)
    request = load.request_bytes(one.url, BODY, one.headers)
    return load.run(one.url, [request], connections=connections, seconds=seconds)


def _idle(meter: Meter, seconds: float) -> dict[str, float]:
    """CPU time that every program uses in a second in which nothing is asked of it."""
    before = meter.cpu_seconds()
    time.sleep(seconds)
    after = meter.cpu_seconds()
    return {name: (after[name] - before[name]) / seconds * 1e6 for name in after if name in before}


def _in_turn(contestants: list[Contestant], number: int) -> list[Contestant]:
    first = number % len(contestants)
    return contestants[first:] + contestants[:first]


def _turn(one: Contestant, meter: Meter, options: Options, *, connections: int) -> tuple[Round, Figures]:
    before = meter.cpu_seconds()
    round_ = ask(one, options.generator, connections=connections, seconds=options.seconds)
    after = meter.cpu_seconds()
    if round_.calls == 0 or (one.name == OURS and round_.errors):
        raise Unexplained(f"{one.name} answered {round_.calls} calls well and {round_.errors} not")
    used = {name: (after[name] - before[name]) / round_.calls * 1e6 for name in after if name in before}
    used[GENERATOR] = round_.generator_cpu_seconds / round_.calls * 1e6
    return round_, {
        "requests": round_.calls,
        "errors": round_.errors,
        "seconds": round_.seconds,
        "calls_per_second": round_.calls_per_second,
        "p50_ms": round_.p50_ms,
        "p99_ms": round_.p99_ms,
        "cpu_us": used,
    }


def _check_balance(field: Field, before: int, paid: int, cut_off: int) -> None:
    spent = before - field.customer.settled_millicredits()
    least, most = paid * MILLICREDITS_A_CALL, (paid + cut_off) * MILLICREDITS_A_CALL
    if not least <= spent <= most or spent % MILLICREDITS_A_CALL:
        raise Unexplained(f"{paid} calls, and up to {cut_off} that were cut off, cost {spent} millicredits")


def _medians(rounds: list[Figures]) -> Figures:
    middle: Figures = {
        name: _median(rounds, lambda one, name=name: one[name])  # type: ignore[misc]
        for name in ("calls_per_second", "p50_ms", "p99_ms")
    }
    names = rounds[0]["cpu_us"]
    middle["cpu_us"] = {name: _median(rounds, lambda one, name=name: one["cpu_us"].get(name, 0.0)) for name in names}  # type: ignore[misc]
    middle["errors"] = sum(one["errors"] for one in rounds)
    middle["each_round"] = rounds
    return middle


def _own_cpu(one: Contestant, rounds: list[Figures]) -> Figures:
    """CPU of what stands between caller and upstream, and of all that works for it."""
    if one.gateway is None:
        return {"gateway_us": 0.0, "all_us": 0.0}
    return {
        "gateway_us": _median(rounds, lambda figures: figures["cpu_us"][one.gateway]),
        "all_us": _median(rounds, lambda figures: sum(figures["cpu_us"][name] for name in one.programs)),
        "programs": list(one.programs),
    }


def _median(rounds: list[Figures], read: Callable[[Figures], float]) -> float:
    return round(statistics.median(map(read, rounds)), 3)
