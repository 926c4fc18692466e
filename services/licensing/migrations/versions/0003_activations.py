"""Activations, and the keys that sign license files."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None: ...
