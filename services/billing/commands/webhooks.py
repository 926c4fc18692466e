"""`webhooks`: Stripe's events looked at, and worked on again."""

import argparse
import asyncio
import sys

from services.billing.commands.saying import EXIT_BROKEN, add_json, database_of, end
from services.billing.settings import Settings
from services.billing.store.webhook_events import StoredEvent
from services.billing.use_cases.webhooks import STATUSES, list_events, put_back, put_back_parked
from shared.audit import COMMAND_LINE
from shared.doors.answers import encode
from shared.errors import NotFound
from shared.kept_clock import clock_as_kept
from shared.service_main import Command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="newest first")
    listing.add_argument("--status", choices=STATUSES, help="only events of this status")
    listing.add_argument(
        "--about", metavar="ID", help="only events that name this object of Stripe's, or payment of ours"
    )
    listing.add_argument("--limit", type=_limit, default=50, metavar="N", help="how many at most (default: 50)")
    replaying = verbs.add_parser("replay", help="work on events again; what they did already is not done twice")
    which = replaying.add_mutually_exclusive_group(required=True)
    which.add_argument("event_id", nargs="?", metavar="EVENT_ID", help="our id of the event, or Stripe's")
    which.add_argument("--all-parked", action="store_true", help="every event that was given up")
    for verb in (listing, replaying):
        add_json(verb)


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("a whole number over zero")
    return int(text)


def _run(settings: Settings, given: argparse.Namespace) -> None:
    try:
        events = asyncio.run(_events(settings, given))
    except NotFound:
        raise end(f"There is no event {given.event_id} here.", EXIT_BROKEN) from None
    if given.json:
        sys.stdout.write(encode([event.as_view() for event in events]).decode() + "\n")
    else:
        sys.stdout.write("".join(event.line() + "\n" for event in events))
    if not events:
        sys.stderr.write("There are no such events.\n")


async def _events(settings: Settings, given: argparse.Namespace) -> list[StoredEvent]:
    async with database_of(settings, "webhooks") as database:
        if given.verb == "list":
            return await list_events(database, status=given.status, about=given.about, after=None, limit=given.limit)
        at = (await clock_as_kept(database, environment=settings.environment)).now()
        if given.all_parked:
            return await put_back_parked(database, COMMAND_LINE, at=at)
        return [await put_back(database, COMMAND_LINE, given.event_id, at=at)]


WEBHOOKS = Command(
    "look at Stripe's events, and have them worked on again: one, or all that are parked",
    run=_run,
    add_arguments=add_arguments,
)
