"""Keys by the month for the bodies of Stripe's events."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    pass
