"""`verify`: the proof of the book and of its seal."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.billing.commands.saying import EXIT_BROKEN, add_json, database_of, say
from services.billing.settings import Settings
from services.billing.use_cases.verify import Verdict, verify
from shared.service_main import Command

SAY_EVERY_SECONDS = 1.0


def _run(settings: Settings, given: argparse.Namespace) -> None:
    verdict = asyncio.run(_verdict(settings))
    say(verdict, as_json=given.json)
    if not verdict.holds:
        raise SystemExit(EXIT_BROKEN)


async def _verdict(settings: Settings) -> Verdict:
    async with database_of(settings, "verify") as database:
        return await verify(database, settings.seal_signer, of_book=Teller("book"), of_seal=Teller("seal"))


@dataclass
class Teller:
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


VERIFY = Command(
    "recompute every balance and every seal beside running postings; ends with 0 if all holds, else with 1",
    run=_run,
    add_arguments=add_json,
)
