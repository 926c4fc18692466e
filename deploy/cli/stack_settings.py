"""Settings for a command on a running stack: with `--data-dir`, or without DATABASE_URL, those of the stack that
`make run` keeps in the folder."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.local.runner.files import read_json
from deploy.local.runner.keyring import open_keyring
from deploy.local.runner.programs import SERVICES, Addresses, Plan

_OF_EVERY_SERVICE = ("serve", "worker", "migrate")

EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""


class StackParser(argparse.ArgumentParser):
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


def settings_taker(service: str) -> Callable[[argparse.Namespace], None]:
    """Lets the service find the settings of the folder's stack in the environment, unless that has its own and no
    folder is named. What runs a service takes none unless a folder is named: a setting that lacks is to be said."""

    def take(given: argparse.Namespace) -> None:
        data_dir: Path | None = getattr(given, "data_dir", None)
        is_own_command = given.command not in _OF_EVERY_SERVICE
        if data_dir is not None or (is_own_command and "DATABASE_URL" not in os.environ):
            os.environ.update(_settings_of_stack((data_dir or Path(".tollgate")).resolve(), service))

    return take


def _settings_of_stack(data: Path, service: str) -> dict[str, str]:
    stack = read_json(data / "stack.json")
    if stack is None:
        sys.stderr.write(f"No stack is running in {data}. Start it with `make run`, or set DATABASE_URL.\n")
        raise SystemExit(EXIT_UNAVAILABLE)
    addresses = Addresses(urlsplit(stack["gateway"]).port or 80, read_json(data / "ports.json") or {})
    keyring = open_keyring(data / "secrets.json", list(SERVICES))
    return Plan(data, addresses, keyring, stack["database_url"], stack["redis_url"]).settings_of(service)
