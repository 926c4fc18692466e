"""The business clock, where it may be moved."""

revision = "0021"
down_revision = "0020"


def upgrade() -> None: ...
