"""`tollgate licenses`: licensing's commands, on a running stack or on what the environment names. Their exit codes are
licensing's own."""

from collections.abc import Sequence

from deploy.cli.stack_settings import StackParser, settings_taker
from services.licensing.__main__ import main as licensing
from shared.service_main import CommandLine

LICENSES = "licenses"


def run(arguments: Sequence[str]) -> None:
    """What follows `licenses`."""
    licensing(CommandLine("tollgate licenses", arguments, StackParser, settings_taker("licensing")))
