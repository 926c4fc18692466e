"""`python -m services.fraud serve --port N | worker | migrate | settings | rebuild-features`"""

from services.fraud.app import create_app
from services.fraud.commands import COMMANDS
from services.fraud.service import open_service
from services.fraud.settings import Settings
from services.fraud.worker import loops
from shared.service_main import CommandLine, run


def main(line: CommandLine | None = None) -> None:
    """Do what the command line says."""
    run(
        "fraud",
        line=line,
        settings=Settings,
        create_app=create_app,
        open_service=open_service,
        loops=loops,
        commands=COMMANDS,
    )


if __name__ == "__main__":
    main()
