"""What validating a license costs: in this process beside the bare HMAC, and over HTTP beside a `/ping`.

Over HTTP it is asked at licensing's own door and through the gateway, each beside a `GET /ping` of the same process,
with connections kept, in turns. Each server is one process, which uses one core at most. Every answer is signed, so
a verdict over HTTP is Ed25519 and HMAC and a round trip to Redis for the limits, shared by those that wait.
"""

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks import load, validation_alone, wrk
from benchmarks.customer import Operator
from benchmarks.load import Round
from benchmarks.options import Options
from benchmarks.own_licensing import OwnServices, running_beside
from benchmarks.stack import Stack
from benchmarks.tables import Asked, Table
from benchmarks.usage import Meter
from benchmarks.validation_alone import FORGED, HMAC

PING, VALIDATE, FORGED_KEY = "licensing: ping", "licensing: validate", "licensing: a forged key"
GATEWAY_PING, THROUGH_GATEWAY = "gateway: ping", "gateway: validate"
PINGS = {VALIDATE: PING, FORGED_KEY: PING, THROUGH_GATEWAY: GATEWAY_PING}
PROGRAMS = ("licensing", "gateway", "postgres", "redis")
PATH = "/api/v1/licenses/validate"

Figures = dict[str, Any]


class WrongVerdict(AssertionError):
    """What is measured is not what was meant."""


@dataclass(frozen=True)
class Asking:
    """One row of the table. `headers` are made for each turn: a token among them is good for a minute only."""

    name: str
    url: str
    program: str
    body: bytes = b""
    headers: Callable[[], dict[str, str]] = dict
    code: str | None = None

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"


def measure(stack: Stack, options: Options) -> dict[str, Any]:
    """`{"alone": {call: us}, "at_once": {"32": {name: medians}}}`."""
    alone = validation_alone.measure(rounds=options.rounds, seconds=options.seconds)
    with running_beside(stack) as own:
        asked = _askings(own, _license_key(stack))
        for one in asked:
            _check(one)
        at_once = {str(many): _rounds(asked, own.meter, options, many) for many in options.at_once}
    return {
        "alone": alone,
        "at_once": at_once,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "generator": options.generator,
    }


def _license_key(stack: Stack) -> str:
    """Of a license that is made for it."""
    operator = Operator.of(stack)
    return operator.make_license(operator.register()["account"]["id"])


def _askings(own: OwnServices, key: str) -> list[Asking]:
    good, forged = _question(key), _question(key[:-4] + ("0000" if key[-4:] != "0000" else "1111"))
    at_licensing, at_gateway = f"{own.licensing}{PATH}", f"{own.gateway}{PATH}"
    typed = {"Content-Type": "application/json"}

    def trusted() -> dict[str, str]:
        return typed | own.as_gateway()

    return [
        Asking(PING, f"{own.licensing}/ping", "licensing"),
        Asking(VALIDATE, at_licensing, "licensing", good, trusted, "VALID"),
        Asking(FORGED_KEY, at_licensing, "licensing", forged, trusted, "BAD_SIGNATURE"),
        Asking(GATEWAY_PING, f"{own.gateway}/ping", "gateway"),
        Asking(THROUGH_GATEWAY, at_gateway, "gateway", good, lambda: typed, "VALID"),
    ]


def _question(key: str) -> bytes:
    return json.dumps({"license_key": key, "nonce": "a-benchmark"}).encode()


def _check(one: Asking) -> None:
    with httpx.Client(trust_env=False, timeout=10) as http:
        answered = http.request(one.method, one.url, content=one.body, headers=one.headers())
    told = answered.json().get("code")
    if answered.status_code != 200 or told != one.code:
        raise WrongVerdict(f"{one.name}: {answered.status_code} {told}")


def _rounds(asked: list[Asking], meter: Meter, options: Options, connections: int) -> dict[str, Figures]:
    found: dict[str, list[Figures]] = {one.name: [] for one in asked}
    for number in range(options.rounds + 1):  # the first is for warming up
        first = number % len(asked)
        for one in asked[first:] + asked[:first]:
            figures = _turn(one, meter, options, connections)
            if number:
                found[one.name].append(figures)
    return {name: _medians(rounds) for name, rounds in found.items()}


def _turn(one: Asking, meter: Meter, options: Options, connections: int) -> Figures:
    before = meter.cpu_seconds()
    round_ = _ask(one, options, connections)
    after = meter.cpu_seconds()
    if round_.calls == 0 or round_.errors:
        raise WrongVerdict(f"{one.name}: {round_.calls} calls were answered well and {round_.errors} not")
    figures = {name: (after[name] - before[name]) / round_.calls * 1e6 for name in PROGRAMS}
    return figures | {
        "calls_per_second": round_.calls_per_second,
        "p50_ms": round_.p50_ms,
        "p99_ms": round_.p99_ms,
    }


def _ask(one: Asking, options: Options, connections: int) -> Round:
    if options.generator == "wrk":
        given = {"connections": connections, "seconds": options.seconds}
        return wrk.run(one.url, one.body, one.headers(), method=one.method, **given)  # type: ignore[arg-type]
    request = load.request_bytes(one.url, one.body, one.headers(), method=one.method)
    return load.run(one.url, [request], connections=connections, seconds=options.seconds)


def _medians(rounds: list[Figures]) -> Figures:
    middle: Figures = {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}
    return middle | {"each_round": rounds}


def tables(measured: Mapping[str, Any]) -> list[Table]:
    return [_alone(measured["alone"]), _over_http(measured)]


def _alone(alone: Mapping[str, float]) -> Table:
    rows = [[name, f"{us:,.2f}", f"{us / alone[HMAC]:,.1f}", f"{1e6 / us:,.0f}"] for name, us in alone.items()]
    title = "A validation in this process, CPU of one core"
    return Table(title, ("", "us", "of the HMAC", "a second"), rows)


def _over_http(measured: Mapping[str, Any]) -> Table:
    rows = [
        [
            f"{name}, {connections} at once",
            f"{one['calls_per_second']:,.0f}",
            f"{one['p50_ms']:.2f}",
            f"{one['p99_ms']:.2f}",
            *(f"{one[program]:,.0f}" for program in PROGRAMS),
            _of_ping(those, name),
        ]
        for connections, those in measured["at_once"].items()
        for name, one in those.items()
    ]
    columns = ("", "calls/s", "p50 ms", "p99 ms", *(f"{program} us" for program in PROGRAMS), "calls/s of its ping's")
    title = (
        f"Over HTTP: {measured['rounds']} rounds of {measured['seconds']:g} s by {measured['generator']}; CPU a call"
    )
    return Table(title, columns, rows)


def _of_ping(those: Mapping[str, Figures], name: str) -> str:
    if name not in PINGS:
        return ""
    return f"{those[name]['calls_per_second'] / those[PINGS[name]]['calls_per_second']:.2f}"


def asked(measured: Mapping[str, Any]) -> list[Asked]:
    """A forged key must cost less than a right one, whatever the machine: refused before any look-up."""
    alone = measured["alone"]
    dearest = alone[validation_alone.VERDICT]
    ratio = alone[FORGED] / dearest
    return [Asked("a forged key's CPU, of a right one's", "at most 1 x", f"{ratio:.2f} x", ratio <= 1)]
