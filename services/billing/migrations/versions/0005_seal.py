"""The seal over committed transfers: Merkle roots in a chain, and signed checkpoints over them. Append-only."""

from shared.migrations import execute, grant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    execute(SEALS)
    execute(CHECKPOINTS)
    grant("seals", "SELECT, INSERT")
    grant("checkpoints", "SELECT, INSERT")


SEALS = """
-- A seal covers the transfers after its predecessor's last place up to its own, in the order (xid, account_id, id).
-- `chain` hashes the predecessor's link, number, leaves, sealed_at and root.
CREATE TABLE seals (
    number           bigint PRIMARY KEY CHECK (number > 0),
    last_xid         xid8 NOT NULL,
    last_account_id  text COLLATE "C" NOT NULL,
    last_id          uuid NOT NULL,
    leaves           integer NOT NULL CHECK (leaves BETWEEN 1 AND 4096),
    root             bytea NOT NULL CHECK (octet_length(root) = 32),
    chain            bytea NOT NULL CHECK (octet_length(chain) = 32),
    sealed_at        timestamptz NOT NULL
);
-- Which seal a transfer lies in: the first whose last place is not before it.
CREATE UNIQUE INDEX seals_by_last_place ON seals (last_xid, last_account_id, last_id);
"""

CHECKPOINTS = """
-- Covers the seals after the last checkpoint up to `last_seal`. `groups` are the Merkle roots of each 1,024 of them,
-- behind each other; `statement` is what was signed.
CREATE TABLE checkpoints (
    number      bigint PRIMARY KEY CHECK (number > 0),
    first_seal  bigint NOT NULL UNIQUE,
    last_seal   bigint NOT NULL UNIQUE REFERENCES seals,
    root        bytea NOT NULL CHECK (octet_length(root) = 32),
    groups      bytea NOT NULL CHECK (octet_length(groups) % 32 = 0 AND octet_length(groups) > 0),
    statement   text NOT NULL,
    signature   bytea NOT NULL CHECK (octet_length(signature) = 64),
    kid         text NOT NULL,
    signed_at   timestamptz NOT NULL,
    CONSTRAINT checkpoint_covers_seals CHECK (first_seal <= last_seal)
);
"""
