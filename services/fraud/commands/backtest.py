"""`backtest RULE`: what a version of a rule would have done to the payments of the last days."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from typing import Any

from services.fraud.domain.rules.backtest import DECISIONS
from services.fraud.service import open_service
from services.fraud.settings import Settings
from services.fraud.store.backtests import KeptBacktest
from services.fraud.use_cases.backtest import LONGEST_DAYS, MOST_PAYMENTS, backtest_rule, find_rule
from shared.audit import COMMAND_LINE
from shared.db import Connection
from shared.doors.answers import encode
from shared.errors import NotFound
from shared.service_main import Command

EXIT_HARMFUL = 1
EXIT_USAGE = 64
"""EX_USAGE of sysexits.h."""
_SAID = {"allow": "go on", "review": "held", "block": "blocked"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rule", metavar="RULE", help="its code or its id")
    parser.add_argument("--version", type=int, metavar="N", help="default: the newest that is not retired")
    parser.add_argument("--days", type=int, default=30, choices=range(1, LONGEST_DAYS + 1), metavar="N", help="30")
    parser.add_argument(
        "--most", type=int, default=MOST_PAYMENTS, metavar="N", help=f"payments, the newest first ({MOST_PAYMENTS:,})"
    )
    parser.add_argument("--json", action="store_true", help="answer as the API does")


def _run(settings: Settings, given: argparse.Namespace) -> None:
    try:
        kept = asyncio.run(_tested(settings, given))
    except NotFound as error:
        sys.stderr.write(f"{error.detail}\n")
        raise SystemExit(EXIT_USAGE) from None
    if given.json:
        sys.stdout.write(encode({"rule_id": kept.rule_id, "version": kept.number, **kept.report}).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(f"{given.rule}, version {kept.number}", kept.report)))
    if kept.report["harmful"]:
        raise SystemExit(EXIT_HARMFUL)


async def _tested(settings: Settings, given: argparse.Namespace) -> KeptBacktest:
    async def keep(_connection: Connection, kept: KeptBacktest) -> KeptBacktest:
        return kept

    async with open_service(settings) as fraud:
        rule = await find_rule(fraud, given.rule)
        return await backtest_rule(
            fraud,
            rule.id,
            number=given.version,
            days=given.days,
            actor=COMMAND_LINE,
            finish=keep,
            most=given.most,
        )


def lines(name: str, report: dict[str, Any]) -> Iterator[str]:
    """The report for a person."""
    skipped = f", {report['skipped']:,} more were judged by other signals" if report["skipped"] else ""
    yield f"{name}: {report['payments']:,} payments of {report['days']} days{skipped}"
    yield f"fires on {_count(report['fired'])}"
    yield f"precision {_share(report['precision'])}, recall {_share(report['recall'])}, by what is known"
    yield f"{'':<18}{'today':>14}{'with it':>14}"
    before, after = report["before"], report["after"]
    for decision in DECISIONS:
        yield _row(_SAID[decision], f"{before[decision]:,}", f"{after[decision]:,}")
    yield _row("reviews per day", before["reviews_per_day"], after["reviews_per_day"])
    yield _row("value blocked", _dollars(before["blocked_usd_minor"]), _dollars(after["blocked_usd_minor"]))
    yield _row("precision", _share(before["precision"]), _share(after["precision"]))
    yield _row("recall", _share(before["recall"]), _share(after["recall"]))
    for flip in report["flips"]:
        yield f"{_SAID[flip['from']]} -> {_SAID[flip['to']]}: {_count(flip)}"
    yield "HARMFUL" if report["harmful"] else "no harm found"
    yield from (f"- {warning}" for warning in report["warnings"])


def _row(what: str, before: object, after: object) -> str:
    return f"{what:<18}{before!s:>14}{after!s:>14}"


def _count(count: dict[str, int]) -> str:
    known = f"{count['known_fraud']} known fraud, {count['known_honest']} known honest, {count['unknown']} unknown"
    return f"{count['payments']:,} payments of {_dollars(count['amount_usd_minor'])}: {known}"


def _dollars(minor: int) -> str:
    return f"${minor / 100:,.2f}"


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"


BACKTEST = Command(
    "try a rule's version on past payments; ends with 1 where it would do harm", run=_run, add_arguments=_add_arguments
)
