"""Wallets: the ledger's only locked rows. Several are always locked in the order of their accounts' ids, so that
two batches never wait for each other in a ring."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from services.billing.domain.ledger.wallet import Wallet
from services.billing.store.ledger_connection import Ledger

COLUMNS = "account_id, balance, held, last_position, open_disputes, overdrawn, next_expiry_at"


async def open_missing(ledger: Ledger, account_ids: Iterable[str], *, at: datetime) -> None:
    """Open wallets for accounts that have none; waits for nobody but another who opens the same."""
    await ledger.execute(
        "INSERT INTO wallets (account_id, opened_at) SELECT account_id, $2 FROM unnest($1::text[]) AS account_id"
        " ORDER BY account_id ON CONFLICT DO NOTHING",
        sorted(set(account_ids)),
        at,
    )


async def lock(ledger: Ledger, account_ids: Iterable[str]) -> dict[str, Wallet]:
    """Lock the wallets that exist, in the order of their ids, and read them. Waits up to the lock timeout."""
    return _by_account(
        await ledger.fetch(
            f"SELECT {COLUMNS} FROM wallets WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR UPDATE",  # noqa: S608
            sorted(set(account_ids)),
        )
    )


async def lock_free(ledger: Ledger, account_ids: Iterable[str]) -> dict[str, Wallet]:
    """As `lock`, leaving out the wallets that somebody else has locked. Waits for nobody."""
    return _by_account(
        await ledger.fetch(
            f"SELECT {COLUMNS} FROM wallets WHERE account_id = ANY($1::text[])"  # noqa: S608
            " ORDER BY account_id FOR UPDATE SKIP LOCKED",
            sorted(set(account_ids)),
        )
    )


async def read(ledger: Ledger, account_id: str) -> Wallet:
    """The wallet as committed, unlocked. An account that never had one reads as zeros."""
    row = await ledger.fetchrow(f"SELECT {COLUMNS} FROM wallets WHERE account_id = $1", account_id)  # noqa: S608
    return wallet_from(row) if row is not None else Wallet(account_id)


async def save(ledger: Ledger, wallets: Sequence[Wallet]) -> None:
    """Write the new values of wallets that this transaction has locked: one statement, one update for each."""
    if not wallets:
        return
    await ledger.execute(
        """
        UPDATE wallets
        SET balance = new.balance, held = new.held, last_position = new.last_position, overdrawn = new.overdrawn
        FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[])
             AS new (account_id, balance, held, last_position, overdrawn)
        WHERE wallets.account_id = new.account_id
        """,
        [wallet.account_id for wallet in wallets],
        [wallet.balance for wallet in wallets],
        [wallet.held for wallet in wallets],
        [wallet.last_position for wallet in wallets],
        [wallet.overdrawn for wallet in wallets],
    )


async def set_next_expiry(ledger: Ledger, account_id: str, next_expiry_at: datetime | None) -> None:
    """Say when credits of a wallet that this transaction has locked may expire. `save` leaves that as it is."""
    await ledger.execute("UPDATE wallets SET next_expiry_at = $2 WHERE account_id = $1", account_id, next_expiry_at)


async def count_dispute(ledger: Ledger, account_id: str, change: int) -> None:
    """One open dispute more (+1) or fewer (-1) of a wallet that this transaction has locked."""
    await ledger.execute(
        "UPDATE wallets SET open_disputes = open_disputes + $2 WHERE account_id = $1", account_id, change
    )


def wallet_from(row: Any) -> Wallet:
    return Wallet(
        account_id=row["account_id"],
        balance=row["balance"],
        held=row["held"],
        last_position=row["last_position"],
        open_disputes=row["open_disputes"],
        overdrawn=row["overdrawn"],
        next_expiry_at=row["next_expiry_at"],
    )


def _by_account(rows: Iterable[Any]) -> dict[str, Wallet]:
    return {row["account_id"]: wallet_from(row) for row in rows}
