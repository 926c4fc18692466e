"""`tollgate books | webhooks | reconcile | explain`: billing's commands, on a running stack or on what the environment
names.

What else they take goes on to billing, and its exit code is theirs. Settings are found as `tollgate ledger` does.
"""

import argparse
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.cli.ledger import take_settings


@dataclass(frozen=True, slots=True)
class Command:
    """One of billing's. `verbs` are checked, and help is given, before a stack is looked for; without any, both are
    billing's own."""

    about: str
    verbs: tuple[str, ...] = ()


COMMANDS = {
    "books": Command("Reports of both sub-books; they take --at, or --from and --to.", ("trial-balance", "profit")),
    "webhooks": Command(
        "Stripe's events; list takes --status, replay an event's id or --all-parked.", ("list", "replay")
    ),
    "reconcile": Command("The last days compared with Stripe; takes --days."),
    "explain": Command("A payment's story; takes `payment` and an id."),
}


def run(name: str, arguments: Sequence[str]) -> None:
    """Ends with billing's own code."""
    command = COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"tollgate {name}", description=command.about, add_help=bool(command.verbs))
    if command.verbs:
        parser.add_argument("verb", choices=command.verbs)
    parser.add_argument(
        "--data-dir", type=Path, help="a stack's folder (default: .tollgate unless DATABASE_URL is set)"
    )
    given, rest = parser.parse_known_args(arguments)
    take_settings(given.data_dir)
    sys.argv = [f"tollgate {name}", name, *([given.verb] if command.verbs else []), *rest]
    runpy.run_module("services.billing", run_name="__main__")
