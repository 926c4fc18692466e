"""`tollgate webhooks list | replay [--data-dir DIR]`: billing's command over Stripe's events, on a running stack or on
what the environment names.

What else it takes (`--status`, an event's id, `--all-parked`, `--json`) goes on to billing. Settings are found as
`tollgate ledger` does.
"""

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.cli.ledger import take_settings

VERBS = ("list", "replay")


def main(arguments: Sequence[str]) -> None:
    """Ends with billing's own code: 1 where there is no such event."""
    parser = argparse.ArgumentParser(prog="tollgate webhooks", description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument(
        "--data-dir", type=Path, help="a stack's folder (default: .tollgate unless DATABASE_URL is set)"
    )
    given, rest = parser.parse_known_args(arguments)
    take_settings(given.data_dir)
    sys.argv = ["tollgate webhooks", "webhooks", given.verb, *rest]
    runpy.run_module("services.billing", run_name="__main__")
