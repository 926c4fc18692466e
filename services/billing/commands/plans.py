"""`plans sync`: every plan's product and price at Stripe, found or made."""

import argparse
import asyncio

from services.billing.app import open_service
from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.commands.saying import EXIT_UNAVAILABLE, add_json, end, say
from services.billing.settings import Settings
from services.billing.use_cases.plans import Synced, sync_plans
from shared.service_main import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("deed", choices=["sync"], help="compare every plan that is sold with Stripe")
    add_json(parser)


def _run(settings: Settings, given: argparse.Namespace) -> None:
    try:
        synced = asyncio.run(_synced(settings))
    except (StripeUnavailable, StripeRefused) as error:
        raise end(f"Stripe does not answer: {error}.", EXIT_UNAVAILABLE) from error
    say(synced, as_json=given.json)


async def _synced(settings: Settings) -> Synced:
    async with open_service(settings) as billing:
        return await sync_plans(billing)


PLANS = Command(
    "make the products and prices of the plans that are sold at Stripe, or find them there",
    run=_run,
    add_arguments=_add_arguments,
)
