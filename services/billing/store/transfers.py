"""Transfers and reversals: append-only. The service's role can't update or delete them."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.book import Key, Reversal
from services.billing.domain.ledger.transfer import Posted, Transfer
from services.billing.store.ledger_connection import Ledger

_COLUMNS = (
    "account_id, id, kind, amount, balance_after, position, description, refers_to, request_id, reference, created_at"
)
_STREAM_PAGE = 2_000


async def insert(ledger: Ledger, transfers: Sequence[Transfer], *, at: datetime) -> None:
    """Append them all in one statement. A known (account, id) undoes the transaction."""
    if not transfers:
        return
    await ledger.execute(
        """
        INSERT INTO transfers (account_id, id, kind, amount, balance_after, position, refers_to, request_id, reference,
                               description, created_at)
        SELECT *, $11::timestamptz
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::uuid[],
                    $8::uuid[], $9::text[], $10::text[])
        """,
        [transfer.account_id for transfer in transfers],
        [transfer.id for transfer in transfers],
        [transfer.kind.value for transfer in transfers],
        [transfer.amount for transfer in transfers],
        [transfer.balance_after for transfer in transfers],
        [transfer.position for transfer in transfers],
        [transfer.refers_to for transfer in transfers],
        [transfer.request_id for transfer in transfers],
        [transfer.reference for transfer in transfers],
        [transfer.description for transfer in transfers],
        at,
    )


async def insert_reversals(ledger: Ledger, reversals: Sequence[Reversal]) -> None:
    """Mark charges as given back; a charge that is marked already undoes the transaction."""
    if not reversals:
        return
    await ledger.execute(
        "INSERT INTO reversals (account_id, charge_id, reversal_id, amount)"
        " SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::bigint[])",
        [reversal.account_id for reversal in reversals],
        [reversal.charge_id for reversal in reversals],
        [reversal.reversal_id for reversal in reversals],
        [reversal.amount for reversal in reversals],
    )


async def find(ledger: Ledger, keys: Collection[Key]) -> dict[Key, Transfer]:
    """Those of the keys that are taken, voids among them. By the primary key; ids name their partitions."""
    if not keys:
        return {}
    rows = await ledger.fetch(
        f"""
        SELECT {_COLUMNS} FROM transfers
        JOIN unnest($1::text[], $2::uuid[]) AS asked (asked_account, asked_id)
             ON account_id = asked_account AND id = asked_id
        WHERE id = ANY($2::uuid[])
        """,  # noqa: S608
        [account_id for account_id, _ in keys],
        [value for _, value in keys],
    )
    return {(row["account_id"], row["id"]): transfer_from(row) for row in rows}


async def find_reversals(ledger: Ledger, charges: Collection[Key]) -> dict[Key, Reversal]:
    """Those of the charges that were given back."""
    if not charges:
        return {}
    rows = await ledger.fetch(
        """
        SELECT account_id, charge_id, reversal_id, amount FROM reversals
        JOIN unnest($1::text[], $2::uuid[]) AS asked (asked_account, asked_id)
             ON account_id = asked_account AND charge_id = asked_id
        WHERE charge_id = ANY($2::uuid[])
        """,
        [account_id for account_id, _ in charges],
        [value for _, value in charges],
    )
    return {(row["account_id"], row["charge_id"]): Reversal(**row) for row in rows}


async def page(ledger: Ledger, account_id: str, *, before: int | None, limit: int) -> list[Posted]:
    """The account's transfers under a position, newest first."""
    rows = await ledger.fetch(
        f"""
        SELECT {_COLUMNS} FROM transfers
        WHERE account_id = $1 AND kind <> 'void' AND ($2::bigint IS NULL OR position < $2)
        ORDER BY position DESC LIMIT $3
        """,  # noqa: S608
        account_id,
        before,
        limit,
    )
    return [Posted(transfer_from(row), row["created_at"]) for row in rows]


async def posted_one(ledger: Ledger, account_id: str, transfer_id: UUID) -> Posted | None:
    """One transfer of the account's own, if it moved something."""
    row = await ledger.fetchrow(
        f"SELECT {_COLUMNS} FROM transfers WHERE account_id = $1 AND id = $2 AND kind <> 'void'",  # noqa: S608
        account_id,
        transfer_id,
    )
    return Posted(transfer_from(row), row["created_at"]) if row is not None else None


async def stream(ledger: Ledger) -> AsyncIterator[Sequence[Transfer]]:
    """Every transfer by account and position, in pages. Merges the months' own indexes; sorts nothing."""
    cursor = await ledger.cursor(
        f"SELECT {_COLUMNS} FROM transfers WHERE kind <> 'void' ORDER BY account_id, position"  # noqa: S608
    )
    while rows := await cursor.fetch(_STREAM_PAGE):
        yield [transfer_from(row) for row in rows]


def transfer_from(row: Any) -> Transfer:
    return Transfer(
        account_id=row["account_id"],
        id=row["id"],
        kind=Kind(row["kind"]),
        amount=row["amount"],
        balance_after=row["balance_after"],
        position=row["position"],
        description=row["description"],
        refers_to=row["refers_to"],
        request_id=row["request_id"],
        reference=row["reference"],
    )
