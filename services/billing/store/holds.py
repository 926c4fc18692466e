"""Holds: rows with an expiry by the database's clock. Whoever changes one has its wallet locked."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from services.billing.domain.ledger.book import HoldRow, Key
from services.billing.domain.ledger.items import Call
from services.billing.store.ledger_connection import Ledger
from shared.db import Database

_COLUMNS = (
    "account_id, id, amount, asked, state, expires_at <= clock_timestamp() AS lapsed, request_id, route, key_id,"
    " price_version, capture_id, capture_asked, captured, spent, calls, tokens, units"
)


async def find(ledger: Ledger, keys: Collection[Key]) -> dict[Key, HoldRow]:
    """Those of the keys that are there, in any state."""
    if not keys:
        return {}
    rows = await ledger.fetch(
        f"""
        SELECT {_COLUMNS} FROM holds
        JOIN unnest($1::text[], $2::uuid[]) AS asked_for (asked_account, asked_id)
             ON account_id = asked_account AND id = asked_id
        WHERE id = ANY($2::uuid[])
        """,  # noqa: S608
        [account_id for account_id, _ in keys],
        [value for _, value in keys],
    )
    return {(row["account_id"], row["id"]): _hold_from(row) for row in rows}


async def insert(ledger: Ledger, holds: Sequence[HoldRow], *, at: datetime) -> None:
    """Write new holds, and marks of holds that were released before they came. A known (account, id) undoes the
    transaction. Each lasts its own time from now, by the database's clock."""
    if not holds:
        return
    calls = [hold.call for hold in holds]
    await ledger.execute(
        """
        INSERT INTO holds (account_id, id, amount, asked, state, expires_at, request_id, route, key_id, price_version,
                           capture_id, capture_asked, captured, spent, calls, tokens, units, created_at, closed_at)
        SELECT account_id, id, amount, asked, state, clock_timestamp() + lasts_ms * interval '1 millisecond',
               request_id, route, key_id, price_version, capture_id, capture_asked, captured, spent, calls, tokens,
               units, $18, CASE WHEN state <> 'open' THEN clock_timestamp() END
        FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::uuid[],
                    $8::text[], $9::text[], $10::integer[], $11::uuid[], $12::bigint[], $13::bigint[], $14::bigint[],
                    $15::bigint[], $16::bigint[], $17::bigint[])
             AS new (account_id, id, amount, asked, state, lasts_ms, request_id, route, key_id, price_version,
                     capture_id, capture_asked, captured, spent, calls, tokens, units)
        """,
        [hold.account_id for hold in holds],
        [hold.id for hold in holds],
        [hold.amount for hold in holds],
        [hold.asked for hold in holds],
        [hold.state for hold in holds],
        [hold.expires_in_ms for hold in holds],
        [call.request_id if call else None for call in calls],
        [call.route if call else "" for call in calls],
        [call.key_id if call else "" for call in calls],
        [call.price_version if call else 0 for call in calls],
        [hold.capture_id for hold in holds],
        [hold.capture_asked for hold in holds],
        [hold.captured for hold in holds],
        [hold.spent for hold in holds],
        [call.calls if call else 0 for call in calls],
        [call.tokens if call else 0 for call in calls],
        [call.units if call else 0 for call in calls],
        at,
    )


async def close(ledger: Ledger, holds: Sequence[HoldRow]) -> None:
    """Write how open holds ended."""
    if not holds:
        return
    await ledger.execute(
        """
        UPDATE holds
        SET state = new.state, capture_id = new.capture_id, capture_asked = new.capture_asked,
            captured = new.captured, closed_at = clock_timestamp()
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::bigint[])
             AS new (account_id, id, state, capture_id, capture_asked, captured)
        WHERE holds.account_id = new.account_id AND holds.id = new.id AND holds.id = ANY($2::uuid[])
          AND holds.state = 'open'
        """,
        [hold.account_id for hold in holds],
        [hold.id for hold in holds],
        [hold.state for hold in holds],
        [hold.capture_id for hold in holds],
        [hold.capture_asked for hold in holds],
        [hold.captured for hold in holds],
    )


async def tell_progress(ledger: Ledger, holds: Sequence[HoldRow]) -> None:
    """Write what open holds' calls have cost so far."""
    if not holds:
        return
    calls = [hold.call for hold in holds if hold.call is not None]
    await ledger.execute(
        """
        UPDATE holds SET spent = new.spent, calls = new.calls, tokens = new.tokens, units = new.units
        FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
             AS new (account_id, id, spent, calls, tokens, units)
        WHERE holds.account_id = new.account_id AND holds.id = new.id AND holds.id = ANY($2::uuid[])
          AND holds.state = 'open'
        """,
        [hold.account_id for hold in holds],
        [hold.id for hold in holds],
        [hold.spent for hold in holds],
        [call.calls for call in calls],
        [call.tokens for call in calls],
        [call.units for call in calls],
    )


async def any_lapsed(database: Database) -> bool:
    """Whether a transaction is worth its while: a glance at the index of open holds, on the raw pool."""
    pool = await database.asyncpg_pool()
    found: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM holds WHERE state = 'open' AND expires_at <= clock_timestamp())"
    )
    return found


async def accounts_with_lapsed(ledger: Ledger, *, limit: int) -> list[str]:
    """Accounts of the longest lapsed open holds; by the index of open ones."""
    rows = await ledger.fetch(
        "SELECT account_id FROM holds WHERE state = 'open' AND expires_at <= clock_timestamp()"
        " ORDER BY expires_at LIMIT $1",
        limit,
    )
    return list(dict.fromkeys(row["account_id"] for row in rows))


async def lapsed_of(ledger: Ledger, account_ids: Collection[str], *, limit: int) -> list[HoldRow]:
    """Lapsed open holds of wallets that this transaction has locked."""
    rows = await ledger.fetch(
        f"SELECT {_COLUMNS} FROM holds WHERE state = 'open' AND account_id = ANY($1::text[])"  # noqa: S608
        " AND expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $2",
        list(account_ids),
        limit,
    )
    return [_hold_from(row) for row in rows]


async def open_sums(ledger: Ledger) -> dict[str, int]:
    """What each account's open holds come to."""
    rows = await ledger.fetch(
        "SELECT account_id, sum(amount)::bigint AS held FROM holds WHERE state = 'open' GROUP BY account_id"
    )
    return {row["account_id"]: row["held"] for row in rows}


def _hold_from(row: Any) -> HoldRow:
    return HoldRow(
        account_id=row["account_id"],
        id=row["id"],
        amount=row["amount"],
        asked=row["asked"],
        state=row["state"],
        lapsed=row["lapsed"],
        call=_call_from(row),
        capture_id=row["capture_id"],
        capture_asked=row["capture_asked"],
        captured=row["captured"],
        spent=row["spent"],
    )


def _call_from(row: Any) -> Call | None:
    if row["request_id"] is None:
        return None
    return Call(
        request_id=row["request_id"],
        route=row["route"],
        key_id=row["key_id"],
        price_version=row["price_version"],
        calls=row["calls"],
        tokens=row["tokens"],
        units=row["units"],
    )
