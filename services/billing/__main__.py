"""`python -m services.billing serve | worker | migrate | settings | verify [--json]`."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.billing.app import NAME, create_app, open_service
from services.billing.settings import Settings
from services.billing.use_cases.verify import Verdict, verify
from services.billing.worker import loops
from shared.db import Database
from shared.doors.answers import encode
from shared.service_main import run

EXIT_BROKEN = 1
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
        extra={"verify": _verify},
    )
