"""What a dispute takes or gives back after it opened, since a refund failed or was heard of late."""

from shared.migrations import execute, grant

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    execute(CHANGES)
    execute(CONSTRAINTS)
    execute(KINDS)
    grant("dispute_changes", "SELECT, INSERT")


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

CONSTRAINTS = """
-- `taken_by` stays the first transfer, also where all that it took has been given back since.
ALTER TABLE disputes DROP CONSTRAINT dispute_takes_by_a_transfer,
    ADD CONSTRAINT dispute_takes_by_a_transfer CHECK (taken_by IS NOT NULL OR millicredits = 0),
    DROP CONSTRAINT dispute_gives_back_what_it_took,
    ADD CONSTRAINT dispute_gives_back_what_it_has CHECK (
        (restored_by IS NOT NULL) = (won_at IS NOT NULL AND millicredits > 0));
"""

KINDS = """
ALTER TABLE money_entries DROP CONSTRAINT money_entry_is_of_a_kind,
    ADD CONSTRAINT money_entry_is_of_a_kind CHECK (kind IN (
        'payment_received', 'refund_made', 'refund_undone', 'dispute_opened', 'dispute_resized', 'dispute_reinstated',
        'dispute_lost', 'dispute_recovered', 'stripe', 'suspense_cleared'));
"""
