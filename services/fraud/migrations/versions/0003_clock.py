"""The business clock, where it may be moved."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None: ...
