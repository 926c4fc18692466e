"""Fraud's rules: what judging a payment's signals by 20 of them costs, in this process.

`python -m benchmarks.fraud_rules [--seconds 4] [--rounds 5] [--json FILE]`, or as a part of `make bench`.

The rules are those that are shipped, as many times as it takes to be 20, over signals of regular customers on whom
none fires and of thieves on whom most do, each payment another than the one before. Beside it the same rules as
Python's own expressions, compiled (what no operator should be let to write), and CEL as one would first write it: each
rule handed all signals. Turns are interleaved; the figures are the CPU of this process, the median of the rounds.
`save` is what checking and trying a rule takes that an operator writes.
"""

import argparse
import itertools
import json
import random
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType
from typing import Any

from benchmarks import machine
from benchmarks.options import Options
from benchmarks.stack import Stack
from benchmarks.tables import Asked, Table, asked_table
from services.fraud.domain.rules.binding import cel
from services.fraud.domain.rules.rule import RuleId, Version
from services.fraud.domain.rules.ruleset import RuleSet
from services.fraud.domain.rules.shipped import SHIPPED
from services.fraud.domain.rules.trial import try_out
from services.fraud.domain.signals import Signals, all_unknown

RULES = 20
TARGET_US = 25.0
PAYMENTS = 50
NOW = datetime(2027, 1, 1, tzinfo=UTC)
OURS, SHIPPED_ALONE, PYTHON, PLAIN, SAVE = (
    f"{RULES} rules",
    f"the {len(SHIPPED)} that are shipped",
    f"{RULES} as Python's expressions",
    f"{RULES} in CEL, all signals to each",
    "save",
)
REGULAR: Signals = {
    **all_unknown(),
    "kind": "credits",
    "origin": "checkout",
    "tier": "verified",
    "amount_usd_minor": 2_000,
    "account_age_hours": 5_000,
    "paid_payments": 30,
}
THIEF: Signals = {
    **REGULAR,
    "amount_usd_minor": 90_000,
    "amount_over_typical_percent": 4_500,
    "account_payments_minute": 9,
    "card_failed_hour": 7,
    "is_device_new": True,
    "is_ip_new": True,
    "is_card_new": True,
    "is_country_new": True,
    "is_travel_impossible": True,
    "is_hour_unusual": True,
    "mailbox_accounts": 4,
}
VARIED = (
    "amount_usd_minor",
    "account_age_hours",
    "paid_payments",
    "history_payments",
    "account_largest_minor",
    "amount_over_tier_percent",
    "account_payments_day",
    "ip_payments_minute",
)
"""What two customers hardly have in common."""


def _others(signals: Signals) -> list[Signals]:
    drawn = random.Random(7)
    return [
        {**signals, **{name: int(signals[name]) + drawn.randrange(5) for name in VARIED}, "hour": drawn.randrange(24)}
        for _ in range(PAYMENTS)
    ]


CASES: Mapping[str, list[Signals]] = {"regular": _others(REGULAR), "thief": _others(THIEF)}

Figures = dict[str, Any]
Call = Callable[[Signals], object]


def versions(number: int) -> list[Version]:
    """So many live rules; the shipped ones again and again, each with a code of its own."""
    return [
        Version(
            rule_id=RuleId(f"rule_{at}"),
            number=1,
            code=f"{each.code}_{at}",
            expression=each.expression,
            weight_bp=each.weight_bp,
            detail=each.detail,
            state="live",
            author="bench",
            created_at=NOW,
        )
        for at, each in zip(range(number), itertools.cycle(SHIPPED), strict=False)
    ]


def measure(_stack: Stack | None, options: Options) -> Figures:
    """`{"us": {contestant: {case: microseconds}}, "save_us": ...}`. Needs no running stack."""
    found: dict[tuple[str, str], list[float]] = {}
    seconds, contestants = options.seconds / 20, _contestants()
    for number in range(options.rounds + 1):  # the first is for warming up
        for case, payments in CASES.items():
            for name, call in contestants.items():
                spent = _spent_us(call, payments, seconds)
                found.setdefault((name, case), []).extend([spent] if number else [])
    medians = {name: {case: round(statistics.median(found[name, case]), 2) for case in CASES} for name in contestants}
    save = _spent_us(lambda _: [try_out(each.expression) for each in SHIPPED], [{}], seconds) / len(SHIPPED)
    return {"rounds": options.rounds, "us": medians, "save_us": round(save, 1)}


def _contestants() -> dict[str, Call]:
    ours, shipped = RuleSet.of(versions(RULES)), RuleSet.of(versions(len(SHIPPED)))
    programs = [cel.compile(each.expression) for each in versions(RULES)]
    codes = [_python(each.expression) for each in versions(RULES)]
    return {
        OURS: lambda signals: ours.judge(signals, at=NOW),
        SHIPPED_ALONE: lambda signals: shipped.judge(signals, at=NOW),
        PYTHON: lambda signals: [eval(code, {}, signals) for code in codes],  # noqa: S307 - the shipped rules
        PLAIN: lambda signals: [program.execute(dict(signals)) for program in programs],
    }


def _python(expression: str) -> CodeType:
    """The shipped rules need no more than this to be Python."""
    said = re.sub(r"!(?!=)", " not ", expression.replace("&&", " and ").replace("||", " or ").replace("\n", " "))
    return compile(said.strip(), "rule", "eval")


def _spent_us(call: Call, payments: Sequence[Signals], seconds: float) -> float:
    until, calls, began = time.perf_counter() + seconds, 0, time.process_time()
    while time.perf_counter() < until:
        for signals in payments:
            call(signals)
        calls += len(payments)
    return (time.process_time() - began) / calls * 1e6


def tables(measured: Figures) -> list[Table]:
    rows = [[name, *(f"{us[case]:,.1f}" for case in CASES)] for name, us in measured["us"].items()]
    note = f"Checking, compiling and trying a rule before it is kept: {measured['save_us']:,.0f} us."
    return [Table("Rules: CPU of a judgement, us", ("", *CASES), rows, (note,))]


def asked(measured: Figures) -> list[Asked]:
    spent = max(measured["us"][OURS].values())
    return [Asked(f"{RULES} rules on a payment, CPU", f"{TARGET_US:g} us", f"{spent:.1f} us", spent <= TARGET_US)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fraud_rules")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    measured = measure(None, Options(seconds=given.seconds, rounds=given.rounds))
    print(machine.as_text(machine.described(Path.cwd())))
    print("\n\n".join(table.as_text() for table in (*tables(measured), asked_table(asked(measured)))))
    if given.json is not None:
        given.json.write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
