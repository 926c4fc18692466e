"""Repeats of paid calls that bear an Idempotency-Key."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing yet."""
