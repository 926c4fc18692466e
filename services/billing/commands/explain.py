"""`explain payment`: a payment's story."""

import argparse
import asyncio

from services.billing.commands.saying import EXIT_BROKEN, add_json, database_of, end, say
from services.billing.settings import Settings
from services.billing.use_cases.explain import Explained, explain_payment
from shared.errors import NotFound
from shared.service_main import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["payment"])
    parser.add_argument("payment_id", metavar="PAYMENT_ID", help="our id of the payment (pay_...)")
    add_json(parser)


def _run(settings: Settings, given: argparse.Namespace) -> None:
    try:
        explained = asyncio.run(_explained(settings, given.payment_id))
    except NotFound:
        raise end(f"There is no payment {given.payment_id} here.", EXIT_BROKEN) from None
    say(explained, as_json=given.json)


async def _explained(settings: Settings, payment_id: str) -> Explained:
    async with database_of(settings, "explain") as database:
        return await explain_payment(database, payment_id)


EXPLAIN = Command(
    "tell a payment's story, from checkout to credits; ends with 1 where there is no such payment",
    run=_run,
    add_arguments=_add_arguments,
)
