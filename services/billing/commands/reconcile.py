"""`reconcile`: the last days compared with Stripe, now."""

import argparse
import asyncio

from services.billing.app import open_service
from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.commands.saying import EXIT_BROKEN, EXIT_UNAVAILABLE, add_json, end, say
from services.billing.domain.reconciliation import Report
from services.billing.settings import Settings
from services.billing.use_cases.reconciliation import reconcile
from shared.audit import COMMAND_LINE
from shared.service_main import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, choices=range(1, 31), metavar="1-30", help="default: RECONCILE_DAYS")
    add_json(parser)


def _run(settings: Settings, given: argparse.Namespace) -> None:
    try:
        report = asyncio.run(_reconciled(settings, given.days))
    except (StripeUnavailable, StripeRefused) as error:
        raise end(f"Stripe does not answer: {error}.", EXIT_UNAVAILABLE) from error
    say(report, as_json=given.json)
    if not report.agrees:
        raise SystemExit(EXIT_BROKEN)


async def _reconciled(settings: Settings, days: int | None) -> Report:
    async with open_service(settings) as billing:
        report = await reconcile(billing, actor=COMMAND_LINE, days=days)
    assert report is not None, "no distance was asked for"
    return report


RECONCILE = Command(
    "compare the last days with Stripe and repair what is certain; ends with 1 where something still differs",
    run=_run,
    add_arguments=_add_arguments,
)
