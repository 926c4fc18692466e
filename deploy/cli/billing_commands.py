"""`tollgate ledger | books | webhooks | reconcile | explain | plans`: billing's commands, on a running stack or on what
the environment names. Their exit codes are billing's own."""

import argparse
from collections.abc import Sequence

from deploy.cli.stack_settings import StackParser, settings_taker
from services.billing.__main__ import main as billing
from shared.service_main import CommandLine

COMMANDS = ("books", "webhooks", "reconcile", "explain", "plans")
LEDGER = "ledger"


def run(arguments: Sequence[str]) -> None:
    """One of COMMANDS with what follows it. Ends with billing's own code."""
    billing(CommandLine("tollgate", arguments, StackParser, settings_taker("billing")))


def prove(arguments: Sequence[str]) -> None:
    """`ledger verify` and what follows. Ends with billing's own code: 0 if the ledger holds, 1 if not."""
    parser = argparse.ArgumentParser(prog="tollgate ledger", description="The ledger's proof.", add_help=False)
    parser.add_argument("-h", "--help", action="help")
    parser.add_argument("command", choices=["verify"], help="recompute every balance and every seal")
    parser.parse_args(arguments[:1])
    billing(CommandLine("tollgate ledger", arguments, StackParser, settings_taker("billing")))
