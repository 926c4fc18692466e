"""Licenses, their keys and what became of them."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None: ...
