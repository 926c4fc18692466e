"""A payment's judgement over HTTP at a fixed rate: what it waits and costs, with its record and without.

It asks the stack's own fraud service as billing would. Accounts, cards, devices and addresses are many, each pays again
and again, and every payment is another one. Without the record everything is judged the same (`?kept=false`).
"""

import base64
import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from benchmarks import open_load
from benchmarks.load import request_bytes
from benchmarks.options import Options
from benchmarks.stack import Stack
from benchmarks.tables import Asked, Table
from deploy.local.runner.keyring import open_keyring
from deploy.local.runner.programs import SERVICES
from shared.clock import SystemClock
from shared.contracts.assessments import PATH
from shared.ids import new_id
from shared.service_auth import Caller, Minter

JUDGED, KEPT = "judged", "judged and kept"
ASKED_MS = {JUDGED: 5.0, KEPT: 10.0}
PROGRAMS = ("fraud", "postgres", "redis")
CUSTOMERS = 5_000
TOKEN_SECONDS = 10.0
Figures = dict[str, Any]


class WrongAnswer(Exception):
    """Fraud did not answer as it should: nothing to be measured."""


def measure(stack: Stack, options: Options) -> dict[str, Any]:
    """`{"rate", "rounds", "seconds", "ways": {way: medians}}`. The first round is for warming up."""
    urls = {JUDGED: f"{stack.url('fraud')}{PATH}?kept=false", KEPT: f"{stack.url('fraud')}{PATH}"}
    found: dict[str, list[Figures]] = {way: [] for way in urls}
    for number in range(options.rounds + 1):
        for way, url in urls.items():
            figures = _turn(stack, url, options)
            if number:
                found[way].append(figures)
    ways = {way: _medians(rounds) for way, rounds in found.items()}
    return {
        "rate": options.assessments_per_second,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "ways": ways,
    }


def _turn(stack: Stack, url: str, options: Options) -> Figures:
    meter, request = stack.meter, _requests(stack, url)
    before = meter.cpu_seconds()
    calls = open_load.run(url, request, rate=options.assessments_per_second, seconds=options.seconds)
    after = meter.cpu_seconds()
    if calls.errors:
        raise WrongAnswer(f"{url}: {dict(calls.statuses)}")
    many = len(calls.latencies)
    costs = {name: (after[name] - before[name]) / many * 1e6 for name in PROGRAMS if name in after}
    return {"p50_ms": calls.quantile_ms(0.5), "p99_ms": calls.quantile_ms(0.99), **costs}


def _requests(stack: Stack, url: str) -> Callable[[], bytes]:
    """Makes a request each time, with a token that is good."""
    keyring = open_keyring(stack.file.parent.resolve() / "secrets.json", list(SERVICES))
    minter = Minter("billing", base64.urlsafe_b64decode(keyring.of("billing", "signing_key")))
    customers = [_customer(number) for number in range(CUSTOMERS)]
    drawn = random.Random(7)
    token, good_until = "", 0.0

    def request() -> bytes:
        nonlocal token, good_until
        if time.monotonic() > good_until:
            token = minter.mint(Caller("billing", "service"), "fraud")
            good_until = time.monotonic() + TOKEN_SECONDS
        facts = {
            **drawn.choice(customers),
            "payment_id": new_id("pay", at=SystemClock().now()),
            "amount_usd_minor": drawn.randrange(500, 20_000),
        }
        return request_bytes(url, orjson.dumps(facts), {"Authorization": f"Bearer {token}"})

    return request


def _customer(number: int) -> dict[str, Any]:
    at = SystemClock().now()
    return {
        "account_id": new_id("acct", at=at),
        "kind": "credits",
        "currency": "usd",
        "ip": f"198.18.{number // 250 % 250}.{number % 250}",
        "device_id": new_id("dev", at=at),
        "email_hash": f"{number:064x}",
        "domain_hash": f"{number % 100:064x}",
        "mailbox_hash": f"{number:064x}",
        "card_fingerprint": f"card{number}",
        "tier": "verified",
        "origin": "checkout",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "session_hash": f"session{number}",
        "card_country": "DE",
        "card_funding": "credit",
        "account_created_at": "2026-01-01T00:00:00Z",
        "paid_payments": 9,
    }


def _medians(rounds: list[Figures]) -> Figures:
    middle: Figures = {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}
    return middle | {"each_round": rounds}


def tables(measured: Mapping[str, Any]) -> list[Table]:
    programs = [name for name in PROGRAMS if name in measured["ways"][KEPT]]
    rows = [
        [way, f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}", *(f"{one[name]:,.0f}" for name in programs)]
        for way, one in measured["ways"].items()
    ]
    title = (
        f"A payment's judgement over HTTP, {measured['rate']:,} a second (open loop):"
        f" {measured['rounds']} rounds of {measured['seconds']:g} s; CPU a call"
    )
    return [Table(title, ("", "p50 ms", "p99 ms", *(f"{name} us" for name in programs)), rows)]


def asked(measured: Mapping[str, Any]) -> list[Asked]:
    """What is asked holds at 500 a second."""
    if measured["rate"] < 500:
        return []
    return [
        Asked(
            f"a payment {way}, p99 at {measured['rate']:,}/s",
            f"under {limit:g} ms",
            f"{measured['ways'][way]['p99_ms']:.2f} ms",
            measured["ways"][way]["p99_ms"] < limit,
        )
        for way, limit in ASKED_MS.items()
    ]
