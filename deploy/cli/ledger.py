"""`tollgate ledger verify [--data-dir DIR] [--json]`: billing's `verify`, on a running stack or on what the environment
names.

With `--data-dir`, or without DATABASE_URL, the settings are those of the stack that `make run` keeps in the folder.
"""

import argparse
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.runner.files import read_json
from deploy.local.runner.keyring import open_keyring
from deploy.local.runner.programs import SERVICES, Addresses, Plan

EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""


def main(arguments: Sequence[str]) -> None:
    """Ends with billing's own code: 0 if the ledger holds, 1 if not."""
    parser = argparse.ArgumentParser(prog="tollgate ledger", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="recompute every balance and every seal")
    verify.add_argument(
        "--data-dir", type=Path, help="a stack's folder (default: .tollgate unless DATABASE_URL is set)"
    )
    verify.add_argument("--json", action="store_true", help="answer as the API does")
    given = parser.parse_args(arguments)
    take_settings(given.data_dir)
    sys.argv = ["tollgate ledger", "verify", *(["--json"] if given.json else [])]
    runpy.run_module("services.billing", run_name="__main__")


def take_settings(data_dir: Path | None) -> None:
    """Let billing's command find the settings of the folder's stack in the environment, unless that has its own and no
    folder is named."""
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
