"""`python -m services.billing serve | worker | migrate | settings`, and what `services.billing.commands` has."""

from services.billing.app import NAME, create_app, open_service
from services.billing.commands import COMMANDS
from services.billing.settings import Settings
from services.billing.worker import loops
from shared.service_main import CommandLine, run


def main(line: CommandLine | None = None) -> None:
    """Do what the command line says."""
    run(
        NAME,
        line=line,
        settings=Settings,
        create_app=create_app,
        open_service=open_service,
        loops=loops,
        commands=COMMANDS,
    )


if __name__ == "__main__":
    main()
