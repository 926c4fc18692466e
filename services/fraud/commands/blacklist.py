"""`blacklist import FILE [--dry-run]` and `blacklist export`: the blacklist as CSV."""

import argparse
import asyncio
import sys
from pathlib import Path

from services.fraud.commands.saying import EXIT_BAD_DATA, end
from services.fraud.service import open_service
from services.fraud.settings import Settings
from services.fraud.use_cases.blacklist_files import Imported, WrongRows, export_entries, import_entries
from shared.audit import COMMAND_LINE
from shared.db import Connection
from shared.service_main import Command

EXIT_NO_INPUT = 66
"""EX_NOINPUT of sysexits.h."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="import FILE | export")
    importing = verbs.add_parser("import", help="list every row of a CSV, or none of it")
    importing.add_argument("file", type=Path, metavar="FILE", help="UTF-8: kind,value,reason,source,expires_at")
    importing.add_argument("--dry-run", action="store_true", help="judge and count all rows, and list none")
    verbs.add_parser("export", help="write every live entry to standard output, as import takes it")


def _run(settings: Settings, given: argparse.Namespace) -> None:
    """Ends with 65 where a row is wrong, with 66 where the file can't be read."""
    if given.verb == "export":
        asyncio.run(_export(settings))
        return
    try:
        done = asyncio.run(_import(settings, given.file, dry_run=given.dry_run))
    except OSError as error:
        raise end(f"{given.file}: {error.strerror}", EXIT_NO_INPUT) from None
    except WrongRows as error:
        raise end(_wrong(error), EXIT_BAD_DATA) from None
    sys.stdout.write(_told(done) + "\n")


async def _import(settings: Settings, file: Path, *, dry_run: bool) -> Imported:
    async def keep(_connection: Connection, _done: Imported) -> None:
        """Nobody asks again for this answer."""

    with file.open(encoding="utf-8-sig", newline="") as stream:
        async with open_service(settings) as fraud:
            return await import_entries(fraud, COMMAND_LINE, stream, dry_run=dry_run, keep=keep)


async def _export(settings: Settings) -> None:
    async with open_service(settings) as fraud:
        async for text in export_entries(fraud):
            sys.stdout.write(text)


def _told(done: Imported) -> str:
    added = "would be listed" if done.is_dry_run else "listed"
    return f"{done.rows:,} rows: {done.added:,} {added}, {done.already_listed:,} on the list already."


def _wrong(error: WrongRows) -> str:
    lines = [f"line {fault.line}: {fault.column} {fault.message}".replace(":  ", ": ") for fault in error.faults]
    more = error.count - len(lines)
    return "\n".join([*lines, *([f"and {more:,} more"] if more else []), "Nothing was listed."])


BLACKLIST = Command("list a CSV's rows on the blacklist, or write the blacklist out", _run, _add_arguments)
