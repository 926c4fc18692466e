"""`rules check|import FILE` and `rules export`: rules as a file that a deployment keeps."""

import argparse
import asyncio
import sys
from pathlib import Path

from services.fraud.commands.saying import EXIT_BAD_DATA, end
from services.fraud.domain.rules.rule_file import Faulty, read
from services.fraud.service import open_service
from services.fraud.settings import Settings
from services.fraud.use_cases.rule_files import Imported, export_rules, import_rules
from shared.audit import COMMAND_LINE
from shared.service_main import Command

EXIT_NO_INPUT = 66
"""EX_NOINPUT of sysexits.h."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="check FILE | import FILE | export")
    for verb, about in (
        ("check", "judge every rule of a file, and keep none"),
        ("import", "keep as drafts what is new or changed in a file, or nothing of it where a rule is faulty"),
    ):
        verbs.add_parser(verb, help=about).add_argument("file", type=Path, metavar="FILE")
    verbs.add_parser("export", help="write the live rules to standard output, as import takes them")


def _run(settings: Settings, given: argparse.Namespace) -> None:
    """Ends with 65 where a rule is faulty, with 66 where the file can't be read."""
    if given.verb == "export":
        sys.stdout.write(asyncio.run(_export(settings)))
        return
    try:
        content = given.file.read_text("utf-8")
        if given.verb == "check":
            sys.stdout.write(f"{len(read(content))} rules, all of them well.\n")
            return
        done = asyncio.run(_import(settings, content))
    except OSError as error:
        raise end(f"{given.file}: {error.strerror}", EXIT_NO_INPUT) from None
    except (Faulty, UnicodeDecodeError) as error:
        faults = error.faults if isinstance(error, Faulty) else ("is not UTF-8",)
        raise end("\n".join(f"{given.file}: {fault}" for fault in faults), EXIT_BAD_DATA) from None
    sys.stdout.write(f"{_told('new', done.new)}{_told('changed', done.changed)}{_told('unchanged', done.unchanged)}")


async def _import(settings: Settings, content: str) -> Imported:
    async with open_service(settings) as fraud:
        return await import_rules(fraud, content, COMMAND_LINE)


async def _export(settings: Settings) -> str:
    async with open_service(settings) as fraud:
        return await export_rules(fraud)


def _told(what: str, codes: list[str]) -> str:
    return f"{what}: {', '.join(sorted(codes)) or 'none'}\n"


RULES = Command("check, import and export rules as a file", run=_run, add_arguments=_add_arguments)
