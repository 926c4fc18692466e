"""How a command says what it found, and how it ends."""

import argparse
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from services.billing.app import NAME
from services.billing.settings import Settings
from shared.db import Database
from shared.doors.answers import encode

EXIT_BROKEN = 1
EXIT_USAGE = 64
"""EX_USAGE of sysexits.h."""
EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""


class Told(Protocol):
    """What there is to say, for the API and for a person."""

    def as_view(self) -> dict[str, object]: ...

    def lines(self) -> Iterable[str]: ...


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="answer as the API does")


def say(found: Told, *, as_json: bool) -> None:
    """Print it."""
    said = encode(found.as_view()).decode() if as_json else "\n".join(found.lines())
    sys.stdout.write(said + "\n")


def end(message: str, code: int) -> SystemExit:
    """To be raised: says why, and ends with the code."""
    sys.stderr.write(message + "\n")
    return SystemExit(code)


@contextlib.asynccontextmanager
async def database_of(settings: Settings, command: str) -> AsyncIterator[Database]:
    """Billing's database, for a command that needs nothing else."""
    database = Database(settings.database_url, pool_size=2, application=f"{NAME}-{command}")
    try:
        yield database
    finally:
        await database.close()
