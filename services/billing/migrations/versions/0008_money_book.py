"""The book of money: Stripe's balance, fees and what else no wallet sees."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    pass
