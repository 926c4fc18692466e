"""`python -m services.billing serve | worker | migrate | settings`, and the commands verify, books, webhooks, reconcile
and explain."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.billing.api.instants import instant_of
from services.billing.app import NAME, create_app, open_service
from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.domain.reconciliation import Report
from services.billing.settings import Settings
from services.billing.store.webhook_events import StoredEvent
from services.billing.use_cases.explain import Explained, explain_payment
from services.billing.use_cases.reconciliation import reconcile
from services.billing.use_cases.reports import (
    BEGINNING,
    END,
    RevenueReport,
    TrialBalanceReport,
    report_revenue,
    report_trial_balance,
)
from services.billing.use_cases.verify import Verdict, verify
from services.billing.use_cases.webhooks import STATUSES, list_events, put_back, put_back_parked
from services.billing.worker import loops
from shared.audit import COMMAND_LINE
from shared.clock import SystemClock
from shared.db import Database
from shared.doors.answers import encode
from shared.errors import Invalid, NotFound
from shared.service_main import run

EXIT_BROKEN = 1
EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""
SAY_EVERY_SECONDS = 1.0


def _verify(settings: Settings, arguments: Sequence[str]) -> None:
    """Recompute the book and its seal beside running postings. Ends with 0 if both hold, else with 1."""
    parser = argparse.ArgumentParser(prog="python -m services.billing verify", description=_verify.__doc__)
    parser.add_argument("--json", action="store_true", help="answer as the API does")
    as_json = parser.parse_args(arguments).json
    verdict = asyncio.run(_verdict(settings))
    said = encode(verdict.as_view()).decode() if as_json else "\n".join(verdict.lines())
    sys.stdout.write(said + "\n")
    if not verdict.holds:
        raise SystemExit(EXIT_BROKEN)


def _books(settings: Settings, arguments: Sequence[str]) -> None:
    """Report both sub-books: the trial balance (ends with 1 where it does not balance), or sales and profit."""
    given = _books_parser().parse_args(arguments)
    report = asyncio.run(_report(settings, given))
    said = encode(report.as_view()).decode() if given.json else "\n".join(report.lines())
    sys.stdout.write(said + "\n")
    if isinstance(report, TrialBalanceReport) and not report.found.balanced:
        raise SystemExit(EXIT_BROKEN)


def _books_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.billing books", description=_books.__doc__)
    reports = parser.add_subparsers(dest="report", required=True)
    balance = reports.add_parser("trial-balance", help="every ledger account's debits and credits")
    balance.add_argument("--at", type=_last_instant, help="up to the end of a date, or to an instant (default: all)")
    profit = reports.add_parser("profit", help="sales and profit of a period, credits sold and given")
    profit.add_argument("--from", dest="start", type=_first_instant, default=BEGINNING, help="default: the beginning")
    profit.add_argument("--to", type=_last_instant, default=END, help="a date is included (default: all)")
    for report in (balance, profit):
        report.add_argument("--json", action="store_true", help="answer as the API does")
    return parser


def _reconcile(settings: Settings, arguments: Sequence[str]) -> None:
    """Compare the last days with Stripe and repair what is certain. Ends with 1 where something still differs."""
    parser = argparse.ArgumentParser(prog="python -m services.billing reconcile", description=_reconcile.__doc__)
    parser.add_argument("--days", type=int, choices=range(1, 31), metavar="1-30", help="default: RECONCILE_DAYS")
    parser.add_argument("--json", action="store_true", help="answer as the API does")
    given = parser.parse_args(arguments)
    try:
        report = asyncio.run(_reconciled(settings, given.days))
    except (StripeUnavailable, StripeRefused) as error:
        sys.stderr.write(f"Stripe does not answer: {error}.\n")
        raise SystemExit(EXIT_UNAVAILABLE) from error
    said = encode(report.as_view()).decode() if given.json else "\n".join(report.lines())
    sys.stdout.write(said + "\n")
    if not report.agrees:
        raise SystemExit(EXIT_BROKEN)


def _explain(settings: Settings, arguments: Sequence[str]) -> None:
    """Tell a payment's story, from checkout to credits. Ends with 1 where there is no such payment."""
    parser = argparse.ArgumentParser(prog="python -m services.billing explain", description=_explain.__doc__)
    parser.add_argument("what", choices=["payment"])
    parser.add_argument("payment_id", metavar="PAYMENT_ID", help="our id of the payment (pay_...)")
    parser.add_argument("--json", action="store_true", help="answer as the API does")
    given = parser.parse_args(arguments)
    try:
        explained = asyncio.run(_explained(settings, given.payment_id))
    except NotFound:
        sys.stderr.write(f"There is no payment {given.payment_id} here.\n")
        raise SystemExit(EXIT_BROKEN) from None
    said = encode(explained.as_view()).decode() if given.json else "\n".join(explained.lines())
    sys.stdout.write(said + "\n")


async def _explained(settings: Settings, payment_id: str) -> Explained:
    database = Database(settings.database_url, pool_size=2, application=f"{NAME}-explain")
    try:
        return await explain_payment(database, payment_id)
    finally:
        await database.close()


async def _reconciled(settings: Settings, days: int | None) -> Report:
    async with open_service(settings) as billing:
        report = await reconcile(billing, actor=COMMAND_LINE, days=days)
    assert report is not None, "no distance was asked for"
    return report


def _first_instant(text: str) -> datetime:
    return _instant(text, whole_day=False)


def _last_instant(text: str) -> datetime:
    return _instant(text, whole_day=True)


def _instant(text: str, *, whole_day: bool) -> datetime:
    try:
        return instant_of(text, "at", whole_day=whole_day)
    except Invalid as error:
        raise argparse.ArgumentTypeError("a date or an RFC 3339 time, as 2027-01-31") from error


async def _report(settings: Settings, given: argparse.Namespace) -> TrialBalanceReport | RevenueReport:
    database = Database(settings.database_url, pool_size=2, application=f"{NAME}-books")
    try:
        if given.report == "trial-balance":
            return await report_trial_balance(database, at=given.at)
        return await report_revenue(database, start=given.start, end=given.to)
    finally:
        await database.close()


def _webhooks(settings: Settings, arguments: Sequence[str]) -> None:
    """Look at Stripe's events, and have them worked on again: one, or all that are parked."""
    given = _webhooks_parser().parse_args(arguments)
    try:
        events = asyncio.run(_events(settings, given))
    except NotFound:
        sys.stderr.write(f"There is no event {given.event_id} here.\n")
        raise SystemExit(EXIT_BROKEN) from None
    said = (
        encode([event.as_view() for event in events]).decode()
        if given.json
        else "\n".join(event.line() for event in events)
    )
    sys.stdout.write(said + "\n" if said else "")
    if not events:
        sys.stderr.write("There are no such events.\n")


def _webhooks_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.billing webhooks", description=_webhooks.__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="newest first")
    listing.add_argument("--status", choices=STATUSES, help="only events of this status")
    listing.add_argument(
        "--about", metavar="ID", help="only events that name this object of Stripe's, or payment of ours"
    )
    listing.add_argument("--limit", type=int, default=50, help="how many at most (default: 50)")
    replaying = verbs.add_parser("replay", help="work on events again; what they did already is not done twice")
    which = replaying.add_mutually_exclusive_group(required=True)
    which.add_argument("event_id", nargs="?", metavar="EVENT_ID", help="our id of the event, or Stripe's")
    which.add_argument("--all-parked", action="store_true", help="every event that was given up")
    for verb in (listing, replaying):
        verb.add_argument("--json", action="store_true", help="answer as the API does")
    return parser


async def _events(settings: Settings, given: argparse.Namespace) -> list[StoredEvent]:
    database = Database(settings.database_url, pool_size=2, application=f"{NAME}-webhooks")
    try:
        if given.verb == "list":
            return await list_events(
                database, status=given.status, about=given.about, after=None, limit=max(1, given.limit)
            )
        return await _replayed(database, given)
    finally:
        await database.close()


async def _replayed(database: Database, given: argparse.Namespace) -> list[StoredEvent]:
    at = SystemClock().now()
    if given.all_parked:
        return await put_back_parked(database, COMMAND_LINE, at=at)
    return [await put_back(database, COMMAND_LINE, given.event_id, at=at)]


async def _verdict(settings: Settings) -> Verdict:
    database = Database(settings.database_url, pool_size=2, application=f"{NAME}-verify")
    try:
        return await verify(database, settings.seal_signer, of_book=_Teller("book"), of_seal=_Teller("seal"))
    finally:
        await database.close()


@dataclass
class _Teller:
    """Says on stderr, about once a second, how far a long pass has come."""

    what: str
    now: Callable[[], float] = time.monotonic
    _said_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._said_at = self.now()

    def __call__(self, transfers: int) -> None:
        if self.now() - self._said_at >= SAY_EVERY_SECONDS:
            self._said_at = self.now()
            sys.stderr.write(f"{self.what}: {transfers:,} transfers checked\n")


if __name__ == "__main__":
    run(
        NAME,
        settings=Settings,
        create_app=create_app,
        open_service=open_service,
        loops=loops,
        extra={"verify": _verify, "books": _books, "webhooks": _webhooks, "reconcile": _reconcile, "explain": _explain},
    )
