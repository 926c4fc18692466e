"""Signed checkpoints over the seals. Append-only."""

from collections.abc import AsyncIterator
from typing import Any

from services.billing.domain.seal import merkle
from services.billing.domain.seal.checkpoint import Checkpoint
from services.billing.store.ledger_connection import Ledger

_COLUMNS = "number, first_seal, last_seal, root, groups, statement, signature, kid, signed_at"
_PAGE = 100
_TURN = 0x70_11_C4_EC


async def take_turn(ledger: Ledger) -> bool:
    """Be the only one who signs until this transaction ends, or False at once."""
    taken: bool = await ledger.fetchval("SELECT pg_try_advisory_xact_lock($1)", _TURN)
    return taken


async def newest(ledger: Ledger) -> Checkpoint | None:
    row = await ledger.fetchrow(f"SELECT {_COLUMNS} FROM checkpoints ORDER BY number DESC LIMIT 1")  # noqa: S608
    return _checkpoint(row) if row is not None else None


async def over(ledger: Ledger, seal_number: int) -> Checkpoint | None:
    """The checkpoint that covers a seal, if there is one yet. By the key on `last_seal`."""
    row = await ledger.fetchrow(
        f"SELECT {_COLUMNS} FROM checkpoints WHERE last_seal >= $1 ORDER BY last_seal LIMIT 1",  # noqa: S608
        seal_number,
    )
    return _checkpoint(row) if row is not None else None


async def insert(ledger: Ledger, checkpoint: Checkpoint) -> None:
    await ledger.execute(
        f"INSERT INTO checkpoints ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",  # noqa: S608
        checkpoint.number,
        checkpoint.first_seal,
        checkpoint.last_seal,
        checkpoint.root,
        b"".join(checkpoint.groups),
        checkpoint.statement,
        checkpoint.signature,
        checkpoint.kid,
        checkpoint.signed_at,
    )


async def stream(ledger: Ledger) -> AsyncIterator[Checkpoint]:
    """All of them, in order."""
    cursor = await ledger.cursor(f"SELECT {_COLUMNS} FROM checkpoints ORDER BY number")  # noqa: S608
    while rows := await cursor.fetch(_PAGE):
        for row in rows:
            yield _checkpoint(row)


def _checkpoint(row: Any) -> Checkpoint:
    return Checkpoint(
        number=row["number"],
        first_seal=row["first_seal"],
        last_seal=row["last_seal"],
        root=row["root"],
        groups=tuple(merkle.split(row["groups"])),
        statement=row["statement"],
        signature=row["signature"],
        kid=row["kid"],
        signed_at=row["signed_at"],
    )
