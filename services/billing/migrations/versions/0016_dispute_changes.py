"""What changes of a dispute later: its share, when a refund failed or was heard of late, and its loss, when the debt is
paid after all."""

from shared.migrations import execute, grant

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    execute(CHANGES)
    execute(RECOVERIES)
    execute(CONSTRAINTS)
    execute(KINDS)
    grant("dispute_changes", "SELECT, INSERT")
    grant("debt_recoveries", "SELECT, INSERT")


CHANGES = """
-- Millicredits over zero were taken, under zero given back. `made_at` is business time.
CREATE TABLE dispute_changes (
    transfer_id   uuid PRIMARY KEY,
    dispute_id    text COLLATE "C" NOT NULL REFERENCES disputes,
    millicredits  bigint NOT NULL CHECK (millicredits <> 0),
    made_at       timestamptz NOT NULL
);
CREATE INDEX dispute_changes_of_dispute ON dispute_changes (dispute_id);
"""

RECOVERIES = """
-- How much of what lost disputes had written off an account has paid after all, in millicredits; under zero where the
-- loss is none any more. Written under the lock of the account's wallet. `made_at` is business time.
CREATE TABLE debt_recoveries (
    id            uuid PRIMARY KEY,
    account_id    text COLLATE "C" NOT NULL,
    millicredits  bigint NOT NULL CHECK (millicredits <> 0),
    made_at       timestamptz NOT NULL
);
CREATE INDEX debt_recoveries_of_account ON debt_recoveries (account_id);
"""

CONSTRAINTS = """
-- `taken_by` stays the first transfer, also where all that it took has been given back since.
ALTER TABLE disputes DROP CONSTRAINT dispute_takes_by_a_transfer,
    ADD CONSTRAINT dispute_takes_by_a_transfer CHECK (taken_by IS NOT NULL OR millicredits = 0),
    DROP CONSTRAINT dispute_gives_back_what_it_took,
    ADD CONSTRAINT dispute_gives_back_what_it_has CHECK (
        (restored_by IS NOT NULL) = (won_at IS NOT NULL AND millicredits > 0));
"""

KINDS = """
-- What an earlier revision booked in this transaction is checked now: a table whose checks are due can't be altered.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE money_entries DROP CONSTRAINT money_entry_is_of_a_kind,
    ADD CONSTRAINT money_entry_is_of_a_kind CHECK (kind IN (
        'payment_received', 'refund_made', 'refund_undone', 'dispute_opened', 'dispute_resized', 'dispute_reinstated',
        'dispute_lost', 'dispute_recovered', 'debt_recovered', 'stripe', 'suspense_cleared'));
"""
