"""Customers of Stripe's, saved cards and automatic top-ups."""

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    pass
