"""`networks FILE`: where networks are, for the signals of location."""

import argparse
import asyncio
import sys
from pathlib import Path

from services.fraud.commands.saying import EXIT_BAD_DATA, end
from services.fraud.domain.networks_csv import COLUMNS, WrongLine
from services.fraud.service import open_service
from services.fraud.settings import Settings
from services.fraud.store.networks import ListedTwice
from services.fraud.use_cases.networks import import_networks
from shared.audit import COMMAND_LINE
from shared.service_main import Command

EXIT_NO_INPUT = 66
"""EX_NOINPUT of sysexits.h."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help=f"CSV in UTF-8: {','.join(COLUMNS)}")


def _run(settings: Settings, given: argparse.Namespace) -> None:
    """Ends with 65 where a line is wrong, with 66 where the file can't be read; nothing is changed then."""
    try:
        count = asyncio.run(_import(settings, given.file))
    except OSError as error:
        raise end(f"{given.file}: {error.strerror}", EXIT_NO_INPUT) from None
    except WrongLine as error:
        raise end(f"{error}. Nothing was changed.", EXIT_BAD_DATA) from None
    except ListedTwice:
        raise end("A network stands twice in the file. Nothing was changed.", EXIT_BAD_DATA) from None
    sys.stdout.write(f"{count:,} networks are known now.\n")


async def _import(settings: Settings, file: Path) -> int:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        async with open_service(settings) as fraud:
            return await import_networks(fraud, COMMAND_LINE, stream)


NETWORKS = Command("replace what is known of where networks are by a CSV's rows", _run, _add_arguments)
