"""Mail on its way to the gateway."""

from shared.migrations.mails import create_mails

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    create_mails()
