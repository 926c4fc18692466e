"""Disputes.

Money is in minor units, `usd_minor` in US cents, credits in millicredits. `withdrawn_at` and `reinstated_at` are
Stripe's time, all other instants business time.
"""

from shared.migrations import execute, grant

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    execute(DISPUTES)
    grant(
        "disputes",
        "SELECT, INSERT, UPDATE (status, reason, due_by, millicredits, uncovered_millicredits, taken_by, restored_by,"
        " opened_at, lost_at, won_at, withdrawn_at, reinstated_at, updated_at)",
    )


DISPUTES = """
-- One row for each of Stripe's disputes. `status` is Stripe's; `opened_at`, `lost_at` and `won_at` are the steps that
-- were booked, each once. `taken_by` and `restored_by` are the transfers: a dispute takes once and gives back once.
CREATE TABLE disputes (
    id                      text COLLATE "C" PRIMARY KEY,
    stripe_dispute_id       text COLLATE "C" NOT NULL UNIQUE,
    payment_id              text COLLATE "C" NOT NULL REFERENCES payments (id),
    account_id              text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    charge_id               text NOT NULL,
    amount_minor            bigint NOT NULL CHECK (amount_minor >= 0),
    currency                text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    usd_minor               bigint NOT NULL CHECK (usd_minor >= 0),
    status                  text NOT NULL,
    reason                  text NOT NULL,
    due_by                  timestamptz,
    millicredits            bigint NOT NULL DEFAULT 0 CHECK (millicredits >= 0),
    uncovered_millicredits  bigint NOT NULL DEFAULT 0,
    taken_by                uuid UNIQUE,
    restored_by             uuid UNIQUE,
    opened_at               timestamptz,
    lost_at                 timestamptz,
    won_at                  timestamptz,
    withdrawn_at            timestamptz,
    reinstated_at           timestamptz,
    created_at              timestamptz NOT NULL,
    updated_at              timestamptz NOT NULL,
    CONSTRAINT dispute_takes_by_a_transfer CHECK ((taken_by IS NULL) = (millicredits = 0)),
    CONSTRAINT dispute_misses_no_more_than_it_takes CHECK (uncovered_millicredits BETWEEN 0 AND millicredits),
    CONSTRAINT dispute_acts_only_once_open CHECK (
        opened_at IS NOT NULL OR (taken_by IS NULL AND lost_at IS NULL AND won_at IS NULL)),
    CONSTRAINT dispute_gives_back_what_it_took CHECK (
        (restored_by IS NOT NULL) = (won_at IS NOT NULL AND taken_by IS NOT NULL))
);
CREATE INDEX disputes_of_payment ON disputes (payment_id);
CREATE INDEX disputes_by_status ON disputes (status, id);
-- Whose account is marked.
CREATE INDEX disputes_kept ON disputes (account_id) WHERE opened_at IS NOT NULL AND won_at IS NULL;
"""
