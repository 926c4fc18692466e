"""`tollgate books trial-balance | profit [--data-dir DIR] [--json]`: billing's reports of both sub-books, on a running
stack or on what the environment names.

What else a report takes (`--at`; `--from`, `--to`) goes on to billing. Settings are found as `tollgate ledger` does.
"""

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.cli.ledger import take_settings

REPORTS = ("trial-balance", "profit")


def main(arguments: Sequence[str]) -> None:
    """Ends with billing's own code: 1 where the books do not balance."""
    parser = argparse.ArgumentParser(prog="tollgate books", description=__doc__)
    parser.add_argument("report", choices=REPORTS)
    parser.add_argument(
        "--data-dir", type=Path, help="a stack's folder (default: .tollgate unless DATABASE_URL is set)"
    )
    given, rest = parser.parse_known_args(arguments)
    take_settings(given.data_dir)
    sys.argv = ["tollgate books", "books", given.report, *rest]
    runpy.run_module("services.billing", run_name="__main__")
