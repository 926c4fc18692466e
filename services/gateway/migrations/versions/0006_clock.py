"""How far business time is ahead of real time, where it may be moved."""

from shared.migrations.clock import create_clock

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_clock()
