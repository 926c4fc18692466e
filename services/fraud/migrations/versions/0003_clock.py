"""How far business time is ahead of real time, where it may be moved."""

from shared.migrations.clock import create_clock

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_clock()
