"""Outbox, feed cursors and idempotent answers."""

from shared.migrations.plumbing import create_plumbing

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_plumbing()
