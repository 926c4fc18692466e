"""Activations, and the keys that sign license files."""

from shared.migrations import execute, grant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    execute(SIGNING_KEYS)
    grant("signing_keys", "SELECT, INSERT, UPDATE (private_sealed, not_before, retired_at)")


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
