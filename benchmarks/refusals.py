"""What refusals cost, and what a flood of them takes from a customer who pays.

A paying customer calls in a closed loop, alone and then beside a flood, in rounds that take turns; the ratio of the two
rates is reported. The flood comes at a fixed rate (`--flood`), for in a closed loop of its own it would simply take its
share of the machine, however cheap a refusal were. There are two: every call with another key that nobody has, and an
account without credits. Each flood is also let run alone: CPU of every program for one refusal.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contestants import OUR_PROGRAMS, OURS, Contestant
from benchmarks.customer import Customer, Operator
from benchmarks.options import Options
from benchmarks.paid_calls import ask
from benchmarks.stack import Stack
from benchmarks.started import ROOT, running_upstream
from benchmarks.tables import Asked, Table
from benchmarks.usage import Meter

AT_ONCE = 32
LEAST_PART = 0.9
BAD_KEYS, DRY = "bad keys", "dry wallet"
REFUSED_WITH = {BAD_KEYS: "401", DRY: "402"}
PATIENCE_SECONDS = 30.0
MARGIN_SECONDS = 0.5

Told = dict[str, Any]


def measure(stack: Stack, options: Options) -> Told:
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder, running_upstream(Path(folder)) as upstream:
        operator = Operator.of(stack)
        paying, poor = operator.make_customer(), operator.make_poor_customer()
        with operator.selling(f"{upstream.origin}/bench", paying, price={"per_call": 1}) as sold:
            return _rounds(stack.meter, f"{sold}/chat", paying, poor, options)


def _rounds(meter: Meter, url: str, paying: Customer, poor: Customer, options: Options) -> Told:
    keys = {BAD_KEYS: None, DRY: poor.key}
    ours = Contestant(OURS, url, paying.headers, "gateway", OUR_PROGRAMS)
    alone: list[float] = []
    beside: dict[str, list[float]] = {kind: [] for kind in keys}
    floods: dict[str, list[Told]] = {kind: [] for kind in keys}
    for number in range(options.rounds + 1):  # the first is for warming up
        rate = _paid_rate(ours, options)
        if number:
            alone.append(rate)
        for kind, key in keys.items():
            flood = _start_flood(url, key, options.flood_per_second, options.seconds + MARGIN_SECONDS)
            rate = _paid_rate(ours, options)
            told = _end_of(flood)
            if number:
                beside[kind].append(rate)
                floods[kind].append(told)
    return {
        "alone": statistics.median(alone),
        "floods": {
            kind: {
                "beside": statistics.median(beside[kind]),
                "kept": statistics.median(with_ / without for with_, without in zip(beside[kind], alone, strict=True)),
                "a_second": options.flood_per_second,
                "left_out": sum(told["left_out"] for told in floods[kind]),
                "statuses": _added([told["statuses"] for told in floods[kind]]),
                "cpu_us": _cost(meter, url, key, options),
            }
            for kind, key in keys.items()
        },
    }


def _paid_rate(ours: Contestant, options: Options) -> float:
    return ask(ours, options.generator, connections=AT_ONCE, seconds=options.seconds).calls_per_second


def _cost(meter: Meter, url: str, key: str | None, options: Options) -> dict[str, float]:
    """CPU time of every program for one refusal, with the flood alone."""
    before = meter.cpu_seconds()
    told = _end_of(_start_flood(url, key, options.flood_per_second, options.seconds))
    after = meter.cpu_seconds()
    answered = max(1, sum(told["statuses"].values()))
    return {name: (after[name] - before[name]) / answered * 1e6 for name in after if name in before}


def _start_flood(url: str, key: str | None, rate: int, seconds: float) -> subprocess.Popen[str]:
    """Returns once it has begun. The key goes by the environment, which only we can read."""
    command = [sys.executable, "-m", "benchmarks.flood", "--url", url, "--rate", str(rate), "--seconds", str(seconds)]
    environment = {name: value for name, value in os.environ.items() if name != "FLOOD_KEY"}
    given = environment | ({"FLOOD_KEY": key} if key else {})
    flood = subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.PIPE, text=True)
    assert flood.stdout is not None
    flood.stdout.readline()
    return flood


def _end_of(flood: subprocess.Popen[str]) -> Told:
    try:
        said, _ = flood.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        flood.kill()
        said, _ = flood.communicate()
    told: Told = json.loads(said)
    return told


def _added(counts: list[dict[str, int]]) -> dict[str, int]:
    names = sorted({name for one in counts for name in one})
    return {name: sum(one.get(name, 0) for one in counts) for name in names}


def tables(measured: Told) -> list[Table]:
    rows = []
    for kind, one in measured["floods"].items():
        cpu = one["cpu_us"]
        rates = [f"{one['a_second']:,}", f"{measured['alone']:,.0f}", f"{one['beside']:,.0f}", f"{one['kept']:.2f}"]
        answers = ", ".join(f"{count:,} x {status}" for status, count in one["statuses"].items())
        rows.append([kind, *rates, answers, str(one["left_out"]), *(f"{cpu[name]:,.0f}" for name in OUR_PROGRAMS)])
    columns = ("flood of", "a second", "paid/s alone", "beside it", "kept", "refused", "left out")
    title = f"A customer who pays, {AT_ONCE} at once, beside refusals; CPU us for one refusal"
    return [Table(title, (*columns, *OUR_PROGRAMS), rows)]


def asked(measured: Told) -> list[Asked]:
    return [
        Asked(
            f"paid calls beside {one['a_second']:,} refusals a second: {kind}",
            f"at least {LEAST_PART:g} x",
            f"{one['kept']:.2f} x",
            one["kept"] >= LEAST_PART and set(one["statuses"]) == {REFUSED_WITH[kind]},
        )
        for kind, one in measured["floods"].items()
    ]
