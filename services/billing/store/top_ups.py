"""The table `auto_top_ups`. Locks: a setting's row before its account's wallet."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.payment import UNDER_WAY, Status
from services.billing.domain.top_up import AUTO_TOP_UP, FIRST_PAUSE, LONGEST_PAUSE, AutoTopUp
from shared.db import Database

_COLUMNS = "account_id, enabled, threshold, amount, monthly_cap, declines, stopped, waits_for, next_at, looks"
_IN_FLIGHT = [status.value for status in (*sorted(UNDER_WAY), Status.IN_REVIEW)]


async def of_account(connection: AsyncConnection, account_id: str) -> AutoTopUp | None:
    """What the account has set, if it ever has."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM auto_top_ups WHERE account_id = :account_id"),  # noqa: S608
        {"account_id": account_id},
    )
    row = found.first()
    return None if row is None else _setting(row)


async def locked(connection: AsyncConnection, account_id: str) -> AutoTopUp | None:
    """The same, its row locked until the transaction ends."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM auto_top_ups WHERE account_id = :account_id FOR UPDATE"),  # noqa: S608
        {"account_id": account_id},
    )
    row = found.first()
    return None if row is None else _setting(row)


async def save(connection: AsyncConnection, setting: AutoTopUp, *, at: datetime) -> None:
    """Write all of it, new or not."""
    await connection.execute(
        text(
            f"INSERT INTO auto_top_ups ({_COLUMNS}, updated_at) VALUES (:account_id, :enabled, :threshold, :amount,"  # noqa: S608
            " :monthly_cap, :declines, :stopped, :waits_for, :next_at, :looks, :at)"
            " ON CONFLICT (account_id) DO UPDATE SET"
            " enabled = excluded.enabled, threshold = excluded.threshold, amount = excluded.amount,"
            " monthly_cap = excluded.monthly_cap, declines = excluded.declines, stopped = excluded.stopped,"
            " waits_for = excluded.waits_for, next_at = excluded.next_at, looks = excluded.looks,"
            " updated_at = excluded.updated_at"
        ),
        {
            "account_id": setting.account_id,
            "enabled": setting.enabled,
            "threshold": setting.threshold,
            "amount": setting.amount,
            "monthly_cap": setting.monthly_cap,
            "declines": setting.declines,
            "stopped": setting.stopped,
            "waits_for": setting.waits_for,
            "next_at": setting.next_at,
            "looks": setting.looks,
            "at": at,
        },
    )


@dataclass(frozen=True, slots=True)
class Look:
    """An account that runs low, taken to be looked at now, and not again before `again_at`: its setting's `next_at`,
    unless somebody else has moved it since."""

    account_id: str
    again_at: datetime


async def take_due(database: Database, *, now: datetime, limit: int) -> list[Look]:
    """Take accounts whose credits are below their threshold and of whom nothing is in flight, longest waiting first,
    and move their `next_at` by a pause that doubles with each look: whatever comes of this one, it is not taken again
    before, and those behind it come first. In one statement of its own, served by `auto_top_ups_due`, which locks only
    the settings that it takes and waits for nobody. An account that never had credits has no wallet yet. Wallets that a
    dispute froze buy nothing by themselves."""
    pool = await database.asyncpg_pool()
    found = await pool.fetch(_TAKE_DUE, now, AUTO_TOP_UP, _IN_FLIGHT, limit, FIRST_PAUSE, LONGEST_PAUSE)
    return [Look(row["account_id"], row["next_at"]) for row in found]


_TAKE_DUE = """
    UPDATE auto_top_ups AS taken
    SET looks = looks + 1, next_at = $1 + least($6::interval, $5::interval * 2 ^ least(looks, 10)), updated_at = $1
    WHERE account_id IN (
        SELECT setting.account_id FROM auto_top_ups AS setting LEFT JOIN wallets USING (account_id)
        WHERE setting.enabled AND setting.stopped IS NULL AND setting.next_at <= $1
          AND coalesce(wallets.balance - wallets.held, 0) < setting.threshold AND coalesce(wallets.open_disputes, 0) = 0
          AND NOT EXISTS (SELECT FROM payments WHERE payments.account_id = setting.account_id
                          AND origin = $2 AND status = ANY($3))
        ORDER BY setting.next_at LIMIT $4 FOR UPDATE OF setting SKIP LOCKED)
    RETURNING account_id, next_at
"""


async def is_in_flight(connection: AsyncConnection, account_id: str) -> bool:
    """Whether a top-up of the account has not ended yet."""
    found = await connection.scalar(
        text(
            "SELECT EXISTS (SELECT FROM payments WHERE account_id = :account_id AND origin = :origin"
            " AND status = ANY(:in_flight))"
        ),
        {"account_id": account_id, "origin": AUTO_TOP_UP, "in_flight": _IN_FLIGHT},
    )
    return bool(found)


async def bought_since(connection: AsyncConnection, account_id: str, *, since: datetime) -> int:
    """Millicredits of the account's top-ups begun since then that were paid or may yet be."""
    bought = await connection.scalar(
        text(
            "SELECT coalesce(sum(millicredits), 0)::bigint FROM payments WHERE account_id = :account_id"
            " AND origin = :origin AND created_at >= :since"
            " AND status NOT IN ('failed', 'canceled', 'expired', 'blocked')"
        ),
        {"account_id": account_id, "origin": AUTO_TOP_UP, "since": since},
    )
    assert isinstance(bought, int)
    return bought


def _setting(row: Row[tuple[object, ...]]) -> AutoTopUp:
    return AutoTopUp(
        account_id=row.account_id,
        enabled=row.enabled,
        threshold=row.threshold,
        amount=row.amount,
        monthly_cap=row.monthly_cap,
        next_at=row.next_at,
        declines=row.declines,
        stopped=row.stopped,
        waits_for=row.waits_for,
        looks=row.looks,
    )
