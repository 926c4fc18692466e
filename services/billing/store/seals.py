"""Seals: what is to be sealed next, the seals themselves, and where in them a transfer stands. Append-only.

Transfers are read in the order (xid, account_id, id), by the index on xid. A place under the newest seal can't be taken
any more: only transactions under the snapshot's `xmin` are sealed, and all of those had ended.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.billing.domain.ledger.transfer import Posted
from services.billing.domain.seal import merkle
from services.billing.domain.seal.chain import GENESIS, Seal, Watermark
from services.billing.store.ledger_connection import Ledger
from services.billing.store.transfers import transfer_from
from shared.db import Database

_TURN = 0x70_11_5E_A1
_PAGE = 4_096
_COLUMNS = "number, last_xid, last_account_id, last_id, leaves, root, chain, sealed_at"

LEAF = """
    pg_catalog.sha256('\\x00'::bytea || pg_catalog.record_send(ROW(
        account_id, id, kind, amount, balance_after, position, refers_to, request_id, reference, description, created_at
    )))
"""
"""As `domain/seal/leaf.py` has it: the database hashes a batch for half of what reading its rows would cost."""

_AFTER = "xid >= $1 AND (xid, account_id, id) > ($1, $2::text, $3::uuid)"
_ORDER = "xid, account_id, id"


@dataclass(frozen=True, slots=True)
class Batch:
    """Leaves in order, and the place of the last."""

    leaves: list[bytes]
    last: Watermark


async def take_turn(ledger: Ledger) -> bool:
    """Be the only one who seals until this transaction ends, or False at once. What is read of seals after it is as
    the last one who had the turn committed it."""
    taken: bool = await ledger.fetchval("SELECT pg_try_advisory_xact_lock($1)", _TURN)
    return taken


async def newest(ledger: Ledger) -> Seal:
    """The last seal, or GENESIS."""
    row = await ledger.fetchrow(f"SELECT {_COLUMNS} FROM seals ORDER BY number DESC LIMIT 1")  # noqa: S608
    return _seal(row) if row is not None else GENESIS


async def oldest_running(ledger: Ledger) -> int:
    """The snapshot's `xmin`: every transaction under it has ended, anywhere on the server."""
    xmin: int = await ledger.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())")
    return xmin


async def newest_begun(ledger: Ledger) -> int:
    """The snapshot's `xmax`: no transaction at or above it had ended."""
    xmax: int = await ledger.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())")
    return xmax


async def next_batch(ledger: Ledger, after: Watermark, *, limit: int) -> Batch | None:
    """The first transfers past a place whose transactions have ended and will post nothing more. One statement, so
    that rows and `xmin` are of one snapshot."""
    row = await ledger.fetchrow(
        f"""
        WITH batch AS MATERIALIZED (
            SELECT {_ORDER}, {LEAF} AS leaf FROM transfers
            WHERE {_AFTER} AND xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY {_ORDER} LIMIT $4
        )
        SELECT whole.leaves, last.* FROM
            (SELECT string_agg(leaf, ''::bytea) AS leaves, count(*) AS size FROM batch) AS whole,
            LATERAL (SELECT {_ORDER} FROM batch OFFSET whole.size - 1) AS last
        WHERE whole.size > 0
        """,  # noqa: S608
        after.xid,
        after.account_id,
        after.id,
        limit,
    )
    return Batch(merkle.split(row["leaves"]), place_of(row)) if row is not None else None


async def waits(ledger: Ledger, after: Watermark, *, before_xid: int | None = None) -> bool:
    """Whether anything committed stands past a place; with `before_xid`, by a transaction under that."""
    found: bool = await ledger.fetchval(
        f"SELECT EXISTS (SELECT FROM transfers WHERE {_AFTER} AND ($4::xid8 IS NULL OR xid < $4))",  # noqa: S608
        after.xid,
        after.account_id,
        after.id,
        before_xid,
    )
    return found


async def may_have_news(database: Database, newest: Seal) -> bool:
    """Whether there may be anything to do since `newest` was the last seal and nothing waited: a glance on the raw
    pool. It sees a transfer past the seal, another seal in its place, and a server that counts from anew."""
    pool = await database.asyncpg_pool()
    found: bool = await pool.fetchval(
        f"""
        SELECT EXISTS (SELECT FROM transfers WHERE {_AFTER}) OR pg_snapshot_xmin(pg_current_snapshot()) <= $1
               OR coalesce((SELECT max(number) FROM seals), 0) <> $4
        """,  # noqa: S608
        newest.last.xid,
        newest.last.account_id,
        newest.last.id,
        newest.number,
    )
    return found


async def insert(ledger: Ledger, seal: Seal) -> None:
    await ledger.execute(
        f"INSERT INTO seals ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",  # noqa: S608
        seal.number,
        seal.last.xid,
        seal.last.account_id,
        seal.last.id,
        seal.leaves,
        seal.root,
        seal.chain,
        seal.sealed_at,
    )


async def posted_at_place(ledger: Ledger, account_id: str, transfer_id: UUID) -> tuple[Posted, Watermark] | None:
    """A transfer of the account's own that moved something, and where it stands."""
    row = await ledger.fetchrow(
        "SELECT * FROM transfers WHERE account_id = $1 AND id = $2 AND kind <> 'void'", account_id, transfer_id
    )
    return (Posted(transfer_from(row), row["created_at"]), place_of(row)) if row is not None else None


async def over(ledger: Ledger, place: Watermark) -> Seal | None:
    """The seal that a place lies in, if it is sealed yet."""
    row = await ledger.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM seals WHERE (last_xid, last_account_id, last_id) >= ($1, $2::text, $3::uuid)
        ORDER BY last_xid, last_account_id, last_id LIMIT 1
        """,  # noqa: S608
        place.xid,
        place.account_id,
        place.id,
    )
    return _seal(row) if row is not None else None


async def before(ledger: Ledger, seal: Seal) -> Seal:
    """The seal's predecessor."""
    row = await ledger.fetchrow(f"SELECT {_COLUMNS} FROM seals WHERE number = $1", seal.number - 1)  # noqa: S608
    return _seal(row) if row is not None else GENESIS


async def leaves_of(ledger: Ledger, seal: Seal, *, after: Watermark, at: Watermark) -> tuple[list[bytes], int]:
    """The leaves of a seal whose predecessor ends at `after`, and the index of the one at `at`. Reads at most one
    more than the seal says that it has."""
    row = await ledger.fetchrow(
        f"""
        WITH batch AS MATERIALIZED (
            SELECT {_ORDER}, {LEAF} AS leaf FROM transfers
            WHERE {_AFTER} AND xid <= $4 AND (xid, account_id, id) <= ($4, $5::text, $6::uuid)
            ORDER BY {_ORDER} LIMIT $7
        )
        SELECT coalesce(string_agg(leaf, ''::bytea), '') AS leaves,
               count(*) FILTER (WHERE (xid, account_id, id) < ($8, $9::text, $10::uuid)) AS index
        FROM batch
        """,  # noqa: S608
        after.xid,
        after.account_id,
        after.id,
        seal.last.xid,
        seal.last.account_id,
        seal.last.id,
        seal.leaves + 1,
        at.xid,
        at.account_id,
        at.id,
    )
    return merkle.split(row["leaves"]), row["index"]


async def first_sealed_at(ledger: Ledger) -> datetime:
    """When the first seal was made; there is one."""
    at: datetime = await ledger.fetchval("SELECT sealed_at FROM seals ORDER BY number LIMIT 1")
    return at


async def roots(ledger: Ledger, first: int, last: int) -> list[bytes]:
    """The roots of the seals from one number to another."""
    rows = await ledger.fetch("SELECT root FROM seals WHERE number BETWEEN $1 AND $2 ORDER BY number", first, last)
    return [row["root"] for row in rows]


async def stream(ledger: Ledger) -> AsyncIterator[list[Seal]]:
    """All seals, in pages."""
    cursor = await ledger.cursor(f"SELECT {_COLUMNS} FROM seals ORDER BY number")  # noqa: S608
    while rows := await cursor.fetch(_PAGE):
        yield [_seal(row) for row in rows]


LeafRow = Any
"""A transfer's place and its `leaf`, as the driver gives them: `place_of` makes the few that are looked at."""


async def stream_leaves(ledger: Ledger, *, to: Watermark) -> AsyncIterator[Sequence[LeafRow]]:
    """Every transfer's place and leaf up to a place, in order and in pages."""
    cursor = await ledger.cursor(
        f"""
        SELECT {_ORDER}, {LEAF} AS leaf FROM transfers
        WHERE xid <= $1 AND (xid, account_id, id) <= ($1, $2::text, $3::uuid) ORDER BY {_ORDER}
        """,  # noqa: S608
        to.xid,
        to.account_id,
        to.id,
    )
    while rows := await cursor.fetch(_PAGE):
        yield rows


def place_of(row: LeafRow) -> Watermark:
    return Watermark(row["xid"], row["account_id"], row["id"])


def _seal(row: Any) -> Seal:
    return Seal(
        number=row["number"],
        last=Watermark(row["last_xid"], row["last_account_id"], row["last_id"]),
        leaves=row["leaves"],
        root=row["root"],
        chain=row["chain"],
        sealed_at=row["sealed_at"],
    )
