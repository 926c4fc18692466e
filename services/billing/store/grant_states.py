"""What is left of an account's lots as last computed, and the entries since.

Entries that were committed never change, so a state is true whoever computed it; the furthest one is kept.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.grants import Burnt, Entry, OpenHold, State
from services.billing.store.ledger_connection import Ledger


async def load(ledger: Ledger, account_id: str) -> State:
    """The stored state; that of no entries where there is none."""
    row = await ledger.fetchrow(
        "SELECT position, debt, lots_left, trail FROM grant_states WHERE account_id = $1", account_id
    )
    if row is None:
        return State()
    return State(
        position=row["position"],
        debt=row["debt"],
        left={UUID(lot): amount for lot, amount in orjson.loads(row["lots_left"]).items()},
        trail=tuple(_burnt_from(*each) for each in orjson.loads(row["trail"])),
    )


async def position(ledger: Ledger, account_id: str) -> int:
    """How far the stored state goes."""
    found: int | None = await ledger.fetchval("SELECT position FROM grant_states WHERE account_id = $1", account_id)
    return found or 0


async def keep(ledger: Ledger, account_id: str, state: State) -> None:
    """Store a state, unless a later one is there."""
    await ledger.execute(
        """
        INSERT INTO grant_states AS kept (account_id, position, debt, lots_left, trail)
        VALUES ($1, $2, $3, $4::jsonb, $5::jsonb)
        ON CONFLICT (account_id) DO UPDATE
        SET position = excluded.position, debt = excluded.debt, lots_left = excluded.lots_left, trail = excluded.trail
        WHERE kept.position < excluded.position
        """,
        account_id,
        state.position,
        state.debt,
        orjson.dumps({str(lot): amount for lot, amount in state.left.items()}).decode(),
        orjson.dumps([_burnt_row(burnt) for burnt in state.trail]).decode(),
    )


async def entries(ledger: Ledger, account_id: str, *, after: int, up_to: int, limit: int) -> list[Entry]:
    """The account's entries at positions in (after, up_to], in order; by the months' indexes of (account, position)."""
    rows = await ledger.fetch(
        "SELECT position, id, kind, amount, refers_to, created_at FROM transfers"
        " WHERE account_id = $1 AND kind <> 'void' AND position > $2 AND position <= $3 ORDER BY position LIMIT $4",
        account_id,
        after,
        up_to,
        limit,
    )
    held = await _hold_times(ledger, account_id, _referred(rows, Kind.CHARGE))
    charges = await _charge_positions(ledger, account_id, _referred(rows, Kind.REVERSAL))
    return [_entry_from(row, held, charges) for row in rows]


async def open_holds(ledger: Ledger, account_id: str) -> list[OpenHold]:
    """What the account's running calls hold, and since when in business time."""
    rows = await ledger.fetch(
        "SELECT amount, created_at FROM holds WHERE account_id = $1 AND state = 'open'", account_id
    )
    return [OpenHold(row["amount"], row["created_at"]) for row in rows]


async def far_behind(ledger: Ledger, *, entries: int, limit: int) -> list[tuple[str, int]]:
    """Accounts with credits that will expire and more than so many entries since their state, and their last
    positions."""
    rows = await ledger.fetch(
        """
        SELECT wallets.account_id, last_position FROM wallets LEFT JOIN grant_states USING (account_id)
        WHERE next_expiry_at IS NOT NULL AND last_position - coalesce(grant_states.position, 0) > $1 LIMIT $2
        """,
        entries,
        limit,
    )
    return [(row["account_id"], row["last_position"]) for row in rows]


async def _hold_times(ledger: Ledger, account_id: str, hold_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When captured holds began. One whose month was dropped is taken to have begun with its capture."""
    if not hold_ids:
        return {}
    rows = await ledger.fetch(
        "SELECT id, created_at FROM holds WHERE account_id = $1 AND id = ANY($2::uuid[])", account_id, hold_ids
    )
    return {row["id"]: row["created_at"] for row in rows}


async def _charge_positions(ledger: Ledger, account_id: str, charge_ids: Collection[UUID]) -> dict[UUID, int]:
    if not charge_ids:
        return {}
    rows = await ledger.fetch(
        "SELECT id, position FROM transfers WHERE account_id = $1 AND id = ANY($2::uuid[])", account_id, charge_ids
    )
    return {row["id"]: row["position"] for row in rows}


def _referred(rows: Sequence[Any], kind: Kind) -> list[UUID]:
    return [row["refers_to"] for row in rows if row["kind"] == kind.value and row["refers_to"] is not None]


_OF_A_LOT = frozenset({Kind.EXPIRY, Kind.REFUND, Kind.REFUND_UNDONE, Kind.DISPUTE, Kind.DISPUTE_WON})


def _entry_from(row: Any, held: dict[UUID, datetime], charges: dict[UUID, int]) -> Entry:
    kind, refers_to = Kind(row["kind"]), row["refers_to"]
    return Entry(
        position=row["position"],
        id=row["id"],
        kind=kind,
        amount=row["amount"],
        at=row["created_at"],
        began_at=held.get(refers_to, row["created_at"]) if kind is Kind.CHARGE else row["created_at"],
        lot_id=refers_to if kind in _OF_A_LOT else None,
        charge_position=charges.get(refers_to) if kind is Kind.REVERSAL else None,
    )


def _burnt_row(burnt: Burnt) -> list[object]:
    return [burnt.first, burnt.last, burnt.newest_ms, [[str(lot), part] for lot, part in burnt.parts]]


def _burnt_from(first: int, last: int, newest_ms: int, parts: list[list[Any]]) -> Burnt:
    return Burnt(first, last, newest_ms, tuple((UUID(lot), part) for lot, part in parts))
