"""`tollgate ledger | books | webhooks | reconcile | explain | plans`: billing's commands, on a running stack or on what
the environment names. Their exit codes are billing's own.

With `--data-dir`, or without DATABASE_URL, the settings are those of the stack that `make run` keeps in the folder.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.local.runner.files import read_json
from deploy.local.runner.keyring import open_keyring
from deploy.local.runner.programs import SERVICES, Addresses, Plan
from services.billing.__main__ import main as billing
from shared.service_main import CommandLine

COMMANDS = ("books", "webhooks", "reconcile", "explain", "plans")
LEDGER = "ledger"
EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""


class _StackParser(argparse.ArgumentParser):
    """Every command of a parser takes a stack's folder; argparse makes subcommands' parsers of their parent's class."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.add_argument(
            "--data-dir",
            type=Path,
            default=argparse.SUPPRESS,
            metavar="DIR",
            help="a stack's folder (default: .tollgate unless DATABASE_URL is set)",
        )


def run(arguments: Sequence[str]) -> None:
    """One of COMMANDS with what follows it. Ends with billing's own code."""
    billing(CommandLine("tollgate", arguments, _StackParser, _take_settings))


def prove(arguments: Sequence[str]) -> None:
    """`ledger verify` and what follows. Ends with billing's own code: 0 if the ledger holds, 1 if not."""
    parser = argparse.ArgumentParser(prog="tollgate ledger", description="The ledger's proof.", add_help=False)
    parser.add_argument("-h", "--help", action="help")
    parser.add_argument("command", choices=["verify"], help="recompute every balance and every seal")
    parser.parse_args(arguments[:1])
    billing(CommandLine("tollgate ledger", arguments, _StackParser, _take_settings))


def _take_settings(given: argparse.Namespace) -> None:
    """Let billing find the settings of the folder's stack in the environment, unless that has its own and no folder is
    named."""
    data_dir: Path | None = getattr(given, "data_dir", None)
    if data_dir is not None or "DATABASE_URL" not in os.environ:
        os.environ.update(_settings_of_stack((data_dir or Path(".tollgate")).resolve()))


def _settings_of_stack(data: Path) -> dict[str, str]:
    stack = read_json(data / "stack.json")
    if stack is None:
        sys.stderr.write(f"No stack is running in {data}. Start it with `make run`, or set DATABASE_URL.\n")
        raise SystemExit(EXIT_UNAVAILABLE)
    addresses = Addresses(urlsplit(stack["gateway"]).port or 80, read_json(data / "ports.json") or {})
    keyring = open_keyring(data / "secrets.json", list(SERVICES))
    return Plan(data, addresses, keyring, stack["database_url"], stack["redis_url"]).settings_of("billing")
