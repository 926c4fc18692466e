"""Activations, and the keys that sign license files."""

from shared.migrations import execute, grant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    execute(ACTIVATIONS)
    grant("activations", f"SELECT, INSERT, UPDATE ({CHANGING})")
    execute(SIGNING_KEYS)
    grant("signing_keys", "SELECT, INSERT, UPDATE (private_sealed, not_before, retired_at)")


CHANGING = "fingerprint, metadata, lease_until, last_heartbeat_at, deactivated_at, ending"

ACTIVATIONS = """
-- Who holds a license's seats, and who held them: rows are added, and end once. What is active at an instant has not
-- ended, and its lease, if it has one, runs; so the number of seats taken is counted, under the license's lock. `seq` is
-- the order in which a license's were made.
CREATE TABLE activations (
    id                 text COLLATE "C" PRIMARY KEY,
    license_id         text COLLATE "C" NOT NULL REFERENCES licenses,
    server_id          text COLLATE "C" NOT NULL CHECK (server_id <> ''),
    activated_at       timestamptz NOT NULL,
    fingerprint        text COLLATE "C" CHECK (fingerprint <> ''),
    metadata           jsonb NOT NULL,
    lease_until        timestamptz,
    last_heartbeat_at  timestamptz,
    deactivated_at     timestamptz,
    ending             text CHECK (ending IN ('deactivated', 'removed', 'lease_over', 'replaced', 'transferred')),
    follows            text COLLATE "C" REFERENCES activations,
    seq                bigint GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT activation_ends_for_a_reason CHECK ((deactivated_at IS NULL) = (ending IS NULL)),
    CONSTRAINT activation_ends_after_it_began CHECK (deactivated_at >= activated_at)
);
CREATE UNIQUE INDEX activations_one_of_server ON activations (license_id, server_id) WHERE deactivated_at IS NULL;
CREATE INDEX activations_of_license ON activations (license_id, seq);
CREATE INDEX activations_of_server ON activations (license_id, server_id, seq);
"""

SIGNING_KEYS = """
-- Ed25519. `private_sealed` is the 32-byte seed, sealed with the service's key, and erased after the key's last day.
-- Public parts stay for ever: what they signed can be checked for ever. Instants are business time.
CREATE TABLE signing_keys (
    kid             text COLLATE "C" PRIMARY KEY,
    public_key      bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
    private_sealed  bytea,
    not_before      timestamptz NOT NULL,
    retired_at      timestamptz,
    created_at      timestamptz NOT NULL,
    CONSTRAINT signing_key_signs_forward CHECK (retired_at >= not_before),
    CONSTRAINT signing_key_signs_while_it_must CHECK (retired_at IS NOT NULL OR private_sealed IS NOT NULL)
);
-- One key without an end, whatever processes make one at first use.
CREATE UNIQUE INDEX signing_keys_one_without_end ON signing_keys ((true)) WHERE retired_at IS NULL;
"""
