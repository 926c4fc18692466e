"""Lots that expire, and usage summed by the hour."""

from shared.migrations import execute, grant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    execute(EXPIRY)
    grant("wallets", "UPDATE (next_expiry_at)")


EXPIRY = """
-- Business time: when some of the wallet's credits may expire. Whoever spends at or after it looks at the lots first.
ALTER TABLE wallets ADD COLUMN next_expiry_at timestamptz;
UPDATE wallets SET next_expiry_at = (SELECT min(expires_at) FROM credit_grants
                                     WHERE credit_grants.account_id = wallets.account_id);
CREATE INDEX wallets_expiring ON wallets (next_expiry_at) WHERE next_expiry_at IS NOT NULL;
"""
