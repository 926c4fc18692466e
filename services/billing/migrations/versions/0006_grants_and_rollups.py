"""Lots that expire, and usage summed by the hour."""

from shared.migrations import execute, grant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    execute(EXPIRY)
    grant("wallets", "UPDATE (next_expiry_at)")
    grant("grant_states", "SELECT, INSERT, UPDATE")


EXPIRY = """
-- Business time: when some of the wallet's credits may expire. Whoever spends at or after it looks at the lots first.
ALTER TABLE wallets ADD COLUMN next_expiry_at timestamptz;
UPDATE wallets SET next_expiry_at = (SELECT min(expires_at) FROM credit_grants
                                     WHERE credit_grants.account_id = wallets.account_id);
CREATE INDEX wallets_expiring ON wallets (next_expiry_at) WHERE next_expiry_at IS NOT NULL;

-- What is left of each lot after the account's transfer at `position`: kept so that only later ones need be read.
-- Computed from the entries alone: a row that is lost is computed again. `lots_left` is {lot: millicredits}, `trail`
-- what charges burnt that may still be given back, as [first position, last, newest id's ms, [[lot, millicredits]]].
CREATE TABLE grant_states (
    account_id  text COLLATE "C" PRIMARY KEY,
    position    bigint NOT NULL,
    debt        bigint NOT NULL CHECK (debt >= 0),
    lots_left   jsonb NOT NULL,
    trail       jsonb NOT NULL
) WITH (fillfactor = 50);

-- The soonest lot of one account; which accounts have one, the wallets tell.
CREATE INDEX credit_grants_expiring_of_account ON credit_grants (account_id, expires_at) WHERE expires_at IS NOT NULL;
DROP INDEX credit_grants_expiring;
"""
