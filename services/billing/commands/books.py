"""`books`: both sub-books' reports, of the period that the API takes too."""

import argparse
import asyncio
from datetime import datetime

from services.billing.api.instants import instant_of
from services.billing.commands.saying import EXIT_BROKEN, EXIT_USAGE, add_json, database_of, end, say
from services.billing.settings import Settings
from services.billing.use_cases.reports import (
    RevenueReport,
    TrialBalanceReport,
    period_of,
    report_revenue,
    report_trial_balance,
)
from shared.errors import Invalid
from shared.kept_clock import clock_as_kept
from shared.service_main import Command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    reports = parser.add_subparsers(dest="report", required=True)
    balance = reports.add_parser("trial-balance", help="every ledger account's debits and credits")
    balance.add_argument("--at", type=_last_instant, help="up to the end of a date, or to an instant (default: now)")
    profit = reports.add_parser("profit", help="sales and profit of a period, credits sold and given")
    profit.add_argument("--from", dest="start", type=_first_instant, help="default: 30 days before --to")
    profit.add_argument("--to", type=_last_instant, help="a date is included (default: now)")
    for report in (balance, profit):
        add_json(report)


def _run(settings: Settings, given: argparse.Namespace) -> None:
    try:
        report = asyncio.run(_report(settings, given))
    except Invalid as error:
        raise end(f"--{error.detail}.", EXIT_USAGE) from error
    say(report, as_json=given.json)
    if isinstance(report, TrialBalanceReport) and not report.found.balanced:
        raise SystemExit(EXIT_BROKEN)


async def _report(settings: Settings, given: argparse.Namespace) -> TrialBalanceReport | RevenueReport:
    async with database_of(settings, "books") as database:
        now = (await clock_as_kept(database, environment=settings.environment)).now()
        if given.report == "trial-balance":
            return await report_trial_balance(database, at=given.at or now)
        start, end_at = period_of(given.start, given.to, now=now)
        return await report_revenue(database, start=start, end=end_at)


def _first_instant(text: str) -> datetime:
    return _instant(text, whole_day=False)


def _last_instant(text: str) -> datetime:
    return _instant(text, whole_day=True)


def _instant(text: str, *, whole_day: bool) -> datetime:
    try:
        return instant_of(text, "at", whole_day=whole_day)
    except Invalid as error:
        raise argparse.ArgumentTypeError("a date or an RFC 3339 time, as 2027-01-31") from error


BOOKS = Command(
    "report both sub-books: the trial balance (ends with 1 where it does not balance), or sales and profit",
    run=_run,
    add_arguments=add_arguments,
)
