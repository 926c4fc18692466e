"""Mail on its way to the gateway."""

from shared.migrations.mails import create_mails

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_mails()
