"""`python -m services.gateway serve | worker | migrate | settings | seed | create-operator --email ...`."""

import argparse
import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable

from services.gateway.app import create_app
from services.gateway.service import Gateway, open_service
from services.gateway.settings import Settings
from services.gateway.use_cases.operators import ensure_operator
from services.gateway.use_cases.seeding import seed
from services.gateway.worker import loops
from shared.errors import DomainError
from shared.service_main import Command, CommandLine, run

EXIT_BAD_USAGE = 64
"""EX_USAGE of sysexits.h."""


def _seed(settings: Settings, _given: argparse.Namespace) -> None:
    _do(settings, seed)


def _add_email(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--email", required=True, help="the account is made where there is none")


def _create_operator(settings: Settings, given: argparse.Namespace) -> None:
    """The password comes from OPERATOR_PASSWORD, or is asked for; never from the command line."""
    email = given.email
    password = settings.operator_password.get_secret_value() or getpass.getpass("Password: ")

    async def create(gateway: Gateway) -> None:
        account = await ensure_operator(gateway, email=email, password=password)
        sys.stdout.write(f"{account.identity.account_id} is an operator.\n")

    _do(settings, create)


def _do(settings: Settings, work: Callable[[Gateway], Awaitable[None]]) -> None:
    async def opened() -> None:
        async with open_service(settings) as gateway:
            await work(gateway)

    try:
        asyncio.run(opened())
    except DomainError as error:
        sys.stderr.write(f"{error.detail}\n")
        raise SystemExit(EXIT_BAD_USAGE) from None


_COMMANDS = {
    "seed": Command("make the operator and the routes that settings name, where they are not there", run=_seed),
    "create-operator": Command(
        "make an account an operator's; the password comes from OPERATOR_PASSWORD, or is asked for",
        run=_create_operator,
        add_arguments=_add_email,
    ),
}


def main(line: CommandLine | None = None) -> None:
    """Do what the command line says."""
    run(
        "gateway",
        line=line,
        settings=Settings,
        create_app=create_app,
        open_service=open_service,
        loops=loops,
        processes=lambda settings: settings.gateway_processes,
        commands=_COMMANDS,
    )


if __name__ == "__main__":
    main()
