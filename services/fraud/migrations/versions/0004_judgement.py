"""What a judgement looks back at: facts of each payment in columns, who used which trait, each tier's usual amounts,
and what became of payments."""

from shared.migrations import execute, grant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    execute(
        """
        -- Digests and opaque ids only. `occurred_at` (as billing says) and `created_at` (as it was counted) are business
        -- time, `seen_at` is real time; where a payment came from is kept as it was known then. `fired` and `shadow`
        -- are [{rule_id, version, weight_bp}].
        ALTER TABLE fraud_assessments
            ALTER COLUMN score TYPE numeric(5, 2),
            ADD COLUMN kind             text,
            ADD COLUMN origin           text,
            ADD COLUMN tier             text,
            ADD COLUMN amount_usd_minor bigint,
            ADD COLUMN card             text,
            ADD COLUMN device_id        text,
            ADD COLUMN ip_match         text,
            ADD COLUMN mailbox_hash     text,
            ADD COLUMN session_hash     text,
            ADD COLUMN country          text,
            ADD COLUMN latitude         double precision,
            ADD COLUMN longitude        double precision,
            ADD COLUMN radius_km        integer,
            ADD COLUMN probability_ppm  integer CHECK (probability_ppm BETWEEN 0 AND 1000000),
            ADD COLUMN shadow_ppm       integer CHECK (shadow_ppm BETWEEN 0 AND 1000000),
            ADD COLUMN fired            jsonb NOT NULL DEFAULT '[]',
            ADD COLUMN shadow           jsonb NOT NULL DEFAULT '[]',
            ADD COLUMN occurred_at      timestamptz,
            ADD COLUMN seen_at          timestamptz;
        CREATE INDEX fraud_assessments_made ON fraud_assessments (created_at);

        -- Which accounts have paid with a card, a device, from an address, under a mailbox: for how many share it, and
        -- whether it is new to an account. Addresses change hands, so their uses are forgotten after a while.
        CREATE TABLE trait_uses (
            kind        text NOT NULL CHECK (kind IN ('card', 'device', 'ip', 'mailbox')),
            match       text NOT NULL,
            account_id  text NOT NULL,
            first_at    timestamptz NOT NULL,
            PRIMARY KEY (kind, match, account_id)
        );
        CREATE INDEX trait_uses_of_addresses ON trait_uses (first_at) WHERE kind = 'ip';

        -- What a tier's payments usually come to; made anew by a loop, so that a judgement reads one row.
        CREATE TABLE tier_norms (
            tier        text PRIMARY KEY,
            high_minor  bigint NOT NULL,
            payments    integer NOT NULL,
            made_at     timestamptz NOT NULL
        );

        -- What became of a payment, by billing's feed: its last word, and whether an attempt at it ever failed.
        CREATE TABLE payment_outcomes (
            payment_id  text PRIMARY KEY,
            account_id  text NOT NULL,
            status      text NOT NULL,
            failed_at   timestamptz,
            at          timestamptz NOT NULL
        );
        CREATE INDEX payment_outcomes_failed ON payment_outcomes (failed_at) WHERE failed_at IS NOT NULL;
        """
    )
    grant("trait_uses", "SELECT, INSERT, UPDATE (first_at), DELETE")
    grant("tier_norms", "SELECT, INSERT, UPDATE, DELETE")
    grant("payment_outcomes", "SELECT, INSERT, UPDATE")
