"""`python -m services.licensing serve --port N | worker | migrate | settings | mails | secrets |
rotate-signing-key`"""

from services.licensing.app import create_app
from services.licensing.commands.secret_versions import SECRETS
from services.licensing.commands.signing_key import ROTATE_SIGNING_KEY
from services.licensing.service import open_service
from services.licensing.settings import Settings
from services.licensing.worker import loops
from shared.mail_command import MAILS
from shared.service_main import CommandLine, run


def main(line: CommandLine | None = None) -> None:
    """Do what the command line says."""
    run(
        "licensing",
        line=line,
        settings=Settings,
        create_app=create_app,
        open_service=open_service,
        loops=loops,
        commands={"mails": MAILS, "secrets": SECRETS, "rotate-signing-key": ROTATE_SIGNING_KEY},
    )


if __name__ == "__main__":
    main()
