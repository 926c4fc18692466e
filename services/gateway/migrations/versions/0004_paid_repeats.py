"""Repeats of paid calls that bear an Idempotency-Key.

One row for each (account, key), kept for 24 hours. Leases are written at every call and renewed while it runs, so no
index names them and pages keep room: such updates stay on their page.
"""

from shared.migrations import execute, grant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    execute(
        """
        CREATE TABLE paid_repeats (
            account_id        text COLLATE "C" NOT NULL,
            -- Peppered digests: of the key, of method and target, of a body that was there whole.
            key_hash          bytea NOT NULL CHECK (octet_length(key_hash) = 32),
            target_hash       bytea NOT NULL CHECK (octet_length(target_hash) = 32),
            body_hash         bytea CHECK (octet_length(body_hash) = 32),
            state             text NOT NULL CHECK (state IN ('running', 'undoing', 'answered')),
            -- The one call that may write this row; its lease ends where it is not renewed.
            owner             uuid NOT NULL,
            lease_until       timestamptz NOT NULL,
            -- What pays for it: the charge's or hold's id, and the terms on which it was posted, in millicredits.
            charge_id         uuid NOT NULL,
            route             text COLLATE "C" NOT NULL,
            op                text NOT NULL CHECK (op IN ('charge', 'hold')),
            amount            bigint NOT NULL CHECK (amount >= 0),
            at_least          bigint NOT NULL CHECK (at_least >= 0),
            price_version     integer NOT NULL CHECK (price_version > 0),
            per_call          bigint NOT NULL CHECK (per_call >= 0),
            per_1000_tokens   bigint NOT NULL CHECK (per_1000_tokens >= 0),
            per_unit          bigint NOT NULL CHECK (per_unit >= 0),
            minimum           bigint NOT NULL CHECK (minimum >= 0),
            -- The capture that is or will be posted for a hold: written before it is sent.
            capture_id        uuid,
            capture_amount    bigint CHECK (capture_amount >= 0),
            created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (account_id, key_hash),
            CHECK ((capture_id IS NULL) = (capture_amount IS NULL)),
            CHECK (capture_id IS NULL OR op = 'hold')
        ) WITH (fillfactor = 70);
        CREATE INDEX paid_repeats_by_age ON paid_repeats (created_at);
        """
    )
    grant("paid_repeats", "SELECT, INSERT, UPDATE, DELETE")
