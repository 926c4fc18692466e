"""`mails`: which of a service's mails were given up, and having them tried anew."""

import argparse
import asyncio
import sys

from shared import mails
from shared.db import Database
from shared.service_main import Command
from shared.settings import ServiceSettings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--again", action="store_true", help="have them handed to the gateway anew")


def _run(settings: ServiceSettings, given: argparse.Namespace) -> None:
    sys.stdout.write(asyncio.run(_done(settings, again=given.again)) + "\n")


async def _done(settings: ServiceSettings, *, again: bool) -> str:
    database = Database(settings.database_url, pool_size=1, application="mails")
    try:
        if again:
            return f"{await mails.revive(database)} are handed over anew."
        found = await mails.parked(database)
    finally:
        await database.close()
    return "\n".join(f"{message_id}  {template}  {error}" for message_id, template, error in found) or "None is parked."


MAILS = Command(
    "list mails that were given up on the way to the gateway, or have them tried anew",
    run=_run,
    add_arguments=_add_arguments,
)
