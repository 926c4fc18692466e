"""The business clock, where it may be moved."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None: ...
