"""`tollgate reconcile` and `tollgate explain`: billing's commands, on a running stack or on what the environment names.

What else they take goes on to billing. Settings are found as `tollgate ledger` does.
"""

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.cli.ledger import take_settings


def _run(command: str, arguments: Sequence[str]) -> None:
    """Ends with billing's own code."""
    parser = argparse.ArgumentParser(prog=f"tollgate {command}", description=__doc__, add_help=False)
    parser.add_argument("--data-dir", type=Path)
    given, rest = parser.parse_known_args(arguments)
    take_settings(given.data_dir)
    sys.argv = [f"tollgate {command}", command, *rest]
    runpy.run_module("services.billing", run_name="__main__")


def reconcile(arguments: Sequence[str]) -> None:
    """`tollgate reconcile [--days N] [--json]`."""
    _run("reconcile", arguments)


def explain(arguments: Sequence[str]) -> None:
    """`tollgate explain payment ID [--json]`."""
    _run("explain", arguments)
