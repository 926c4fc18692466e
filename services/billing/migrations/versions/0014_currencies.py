"""The rate at which a payment's credits were priced, and what metrics count."""

from shared.migrations import execute, grant

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    execute(RATES)
    grant("payments", "INSERT (rate_micros)")


RATES = """
-- Millionths of the currency's major unit that a US dollar was worth when the payment was priced.
ALTER TABLE payments ADD COLUMN rate_micros bigint NOT NULL DEFAULT 1000000 CHECK (rate_micros > 0);
ALTER TABLE payments ADD CONSTRAINT payment_in_dollars_has_no_rate CHECK (currency <> 'usd' OR rate_micros = 1000000);

-- What metrics sum up: the last 30 days'.
CREATE INDEX payments_by_time ON payments (created_at);
"""
