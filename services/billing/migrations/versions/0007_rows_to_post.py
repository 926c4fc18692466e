"""Rows as which a batch of postings comes to its statement: one array of these, not an array for each column.

Types alone; no table has them.
"""

from shared.migrations import execute

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    execute(TYPES)


TYPES = """
-- `place` is a wallet's in its batch, from 1; `number` and `through` count and sum its charges up to this one.
CREATE TYPE wallet_to_move AS (account_id text, spend bigint, hold bigint, charges bigint);
CREATE TYPE charge_to_post AS (
    place bigint, number bigint, id uuid, amount bigint, through bigint, request_id uuid, route text, key_id text,
    price_version integer, calls bigint, tokens bigint, units bigint, outcome text, flagged boolean);
CREATE TYPE hold_to_open AS (
    place bigint, id uuid, amount bigint, lasts_ms bigint, request_id uuid, route text, key_id text,
    price_version integer, calls bigint, tokens bigint, units bigint);
"""
