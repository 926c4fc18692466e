"""`rebuild-features`: count anew, from PostgreSQL, what Redis has lost."""

import argparse
import asyncio
import sys
import time

from services.fraud.service import open_service
from services.fraud.settings import Settings
from services.fraud.store.velocity import VelocityDown
from services.fraud.use_cases.rebuild_features import Rebuilt, rebuild_features
from shared.service_main import Command

EXIT_BROKEN = 1
SAID_EVERY_SECONDS = 2.0


class _Progress:
    """A line on stderr, every two seconds."""

    def __init__(self) -> None:
        self._next = time.monotonic() + SAID_EVERY_SECONDS

    def __call__(self, done: Rebuilt) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SAID_EVERY_SECONDS
            sys.stderr.write(f"{_told(done)} so far\n")


def _run(settings: Settings, given: argparse.Namespace) -> None:
    """Ends with 1 where Redis does not answer."""
    del given
    try:
        done = asyncio.run(_rebuilt(settings))
    except VelocityDown as error:
        sys.stderr.write(f"Redis did not answer ({error}). The counters are incomplete: run this again.\n")
        raise SystemExit(EXIT_BROKEN) from None
    sys.stdout.write(f"{_told(done)}.\n")


async def _rebuilt(settings: Settings) -> Rebuilt:
    async with open_service(settings) as fraud:
        return await rebuild_features(fraud, _Progress())


def _told(done: Rebuilt) -> str:
    back_to = "" if done.back_to is None else f" judged since {done.back_to:%Y-%m-%d %H:%M:%S} UTC"
    return f"{done.payments:,} payments{back_to}, {done.frauds:,} known frauds, {done.failures:,} failures counted"


REBUILD_FEATURES = Command("count payments anew for fraud's features, after Redis lost them", run=_run)
