"""`rotate-signing-key`: another key signs license files and answers from now on, or from a while ahead."""

import argparse
import asyncio
import sys
from datetime import timedelta

from services.licensing.domain.signing_key import ListedKey
from services.licensing.service import open_service
from services.licensing.settings import Settings
from services.licensing.use_cases.signing import LONGEST_OVERLAP, RotationInProgress, rotate
from shared.audit import COMMAND_LINE
from shared.doors.answers import encode
from shared.service_main import Command

DAY_SECONDS = 86_400
EXIT_BROKEN = 1


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--overlap-seconds",
        type=_overlap,
        default=timedelta(seconds=DAY_SECONDS),
        metavar="N",
        help="how long the new key is listed before it signs (default: a day; 0: at once)",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def _run(settings: Settings, given: argparse.Namespace) -> None:
    """Ends with 1 where the next key is listed already and waits for its turn."""
    try:
        key = asyncio.run(_rotated(settings, given.overlap_seconds))
    except RotationInProgress as waiting:
        sys.stderr.write(f"{waiting} With --overlap-seconds 0 it does so at once.\n")
        raise SystemExit(EXIT_BROKEN) from None
    if given.json:
        sys.stdout.write(encode({"kid": key.kid, "not_before": key.not_before}).decode() + "\n")
    else:
        sys.stdout.write(f"The key {key.kid} is listed, and signs from {key.not_before:%Y-%m-%d %H:%M:%S} UTC on.\n")


async def _rotated(settings: Settings, overlap: timedelta) -> ListedKey:
    async with open_service(settings) as licensing:
        return await rotate(licensing, COMMAND_LINE, overlap=overlap)


def _overlap(text: str) -> timedelta:
    most = int(LONGEST_OVERLAP.total_seconds())
    if not text.isascii() or not text.isdigit() or int(text[:9]) > most:
        raise argparse.ArgumentTypeError(f"whole seconds, {most} at most")
    return timedelta(seconds=int(text))


ROTATE_SIGNING_KEY = Command(
    "have another key sign license files and answers; the one before stays listed for what it signed",
    run=_run,
    add_arguments=_add_arguments,
)
