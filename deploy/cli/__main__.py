"""`tollgate SERVICE COMMAND ...` runs a service's own command: `tollgate gateway create-operator --email ADDRESS`.

`tollgate SERVICE settings` lists what that service reads from the environment, with defaults and meanings;
`tollgate ledger verify` proves the ledger, `tollgate books` reports it, `tollgate webhooks` shows and replays Stripe's
events, `tollgate reconcile` compares with Stripe and repairs, `tollgate explain payment` tells a
payment's story, `tollgate plans sync` makes the plans' products and prices at Stripe. Help of all of them needs no
settings and no stack.
"""

import importlib
import sys
from collections.abc import Sequence

SERVICES = ("gateway", "billing", "licensing", "fraud")
EXIT_USAGE = 64
"""EX_USAGE of sysexits.h."""

USAGE = f"""usage: tollgate SERVICE COMMAND [OPTIONS]
       tollgate ledger verify [--data-dir .tollgate] [--json]
       tollgate books trial-balance [--at DATE] [--data-dir .tollgate] [--json]
       tollgate books profit [--from DATE] [--to DATE] [--data-dir .tollgate] [--json]
       tollgate webhooks list [--status parked] [--about ID] [--limit 50] [--data-dir .tollgate] [--json]
       tollgate webhooks replay EVENT_ID | --all-parked [--data-dir .tollgate] [--json]
       tollgate reconcile [--days 30] [--data-dir .tollgate] [--json]
       tollgate explain payment ID [--data-dir .tollgate] [--json]
       tollgate clock [advance 31d|2h|90s] [--data-dir .tollgate]
       tollgate plans sync [--data-dir .tollgate] [--json]
       tollgate fraud backtest RULE [--version N] [--days 30] [--data-dir .tollgate] [--json]
       tollgate fraud rules check FILE | import FILE | export [--data-dir .tollgate]
       tollgate licenses secrets [--data-dir .tollgate] [--json]
       tollgate licenses rotate-signing-key [--overlap-seconds 86400] [--data-dir .tollgate] [--json]

services: {", ".join(SERVICES)}
commands of each: serve, worker, migrate, settings
the gateway's own: create-operator --email ADDRESS [--data-dir .tollgate], seed
fraud's own: blacklist import FILE | export, and what `tollgate fraud --help` lists

Each command tells of its options with --help. Settings come from the environment; `tollgate SERVICE settings` lists
them. In a checkout this command is .venv/bin/tollgate. For everything on one machine, use `make run`.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the service's command in this process; exit 64 with the usage where there is no such service."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["-h"], ["--help"], ["help"]):
        sys.stdout.write(USAGE)
        return
    if given[:1] and given[0] in SERVICES and len(given) > 1:
        from shared.service_main import CommandLine  # noqa: PLC0415 - help and refusals need no server

        service, *rest = given
        from deploy.cli.stack_settings import StackParser, settings_taker  # noqa: PLC0415 - help alone needs none

        line = CommandLine(f"tollgate {service}", rest, StackParser, settings_taker(service))
        importlib.import_module(f"services.{service}.__main__").main(line)
        return
    if given[:1] == ["clock"]:
        from deploy.cli import clock_command  # noqa: PLC0415 - other commands ask no gateway

        clock_command.run(given[1:])
        return
    if given[:1] == ["licenses"]:
        from deploy.cli import licensing_commands  # noqa: PLC0415 - other commands need nothing of licensing

        licensing_commands.run(given[1:])
        return
    from deploy.cli import billing_commands  # noqa: PLC0415 - other services' commands need nothing of billing

    if given[:1] == [billing_commands.LEDGER]:
        billing_commands.prove(given[1:])
    elif given[:1] and given[0] in billing_commands.COMMANDS:
        billing_commands.run(given)
    else:
        sys.stderr.write(USAGE)
        raise SystemExit(EXIT_USAGE)


if __name__ == "__main__":
    main()
