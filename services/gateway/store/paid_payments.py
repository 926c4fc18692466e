"""The table `paid_payments`: what new accounts have paid, by which they come to be verified (S14)."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import Database

PAGE = 50
_MAY_BE_VERIFIED = (
    "accounts.tier = 'new' AND NOT accounts.tier_is_set AND accounts.role = 'customer'"
    " AND accounts.status = 'active' AND accounts.email_verified_at IS NOT NULL"
)


async def keep(connection: AsyncConnection, payment_id: str, *, account_id: str, paid_at: datetime) -> None:
    """It is paid, and good (again); when it was first told of stays. Payments of accounts whose tier is settled are not
    kept."""
    await connection.execute(
        text(
            "INSERT INTO paid_payments (payment_id, account_id, paid_at, is_good)"
            " SELECT :id, id, :at, true FROM accounts WHERE id = :account_id AND tier = 'new' AND NOT tier_is_set"
            " ON CONFLICT (payment_id) DO UPDATE SET is_good = true"
        ),
        {"id": payment_id, "account_id": account_id, "at": paid_at},
    )


async def spoil(connection: AsyncConnection, payment_id: str) -> None:
    """It was given back, or is disputed."""
    await connection.execute(
        text("UPDATE paid_payments SET is_good = false WHERE payment_id = :id"), {"id": payment_id}
    )


async def accounts_to_verify(connection: AsyncConnection, *, paid_before: datetime) -> list[str]:
    """A page of accounts whose address is confirmed and who have a good payment of no later than that. Served by
    `paid_payments_good`."""
    found = await connection.execute(
        text(
            f"SELECT DISTINCT accounts.id FROM paid_payments JOIN accounts ON accounts.id = account_id"  # noqa: S608
            f" WHERE is_good AND paid_at <= :paid_before AND {_MAY_BE_VERIFIED} ORDER BY accounts.id LIMIT :page"
        ),
        {"paid_before": paid_before, "page": PAGE},
    )
    return [row.id for row in found]


async def may_be_verified(connection: AsyncConnection, account_id: str, *, paid_before: datetime) -> bool:
    """The same of one account, whose row is locked."""
    found = await connection.scalar(
        text(
            f"SELECT EXISTS (SELECT FROM paid_payments JOIN accounts ON accounts.id = account_id"  # noqa: S608
            f" WHERE account_id = :id AND is_good AND paid_at <= :paid_before AND {_MAY_BE_VERIFIED})"
        ),
        {"id": account_id, "paid_before": paid_before},
    )
    return bool(found)


async def forget_settled(connection: AsyncConnection) -> None:
    """Delete what accounts paid whose tier is settled."""
    await connection.execute(
        text(
            "DELETE FROM paid_payments USING accounts"
            " WHERE accounts.id = account_id AND (accounts.tier <> 'new' OR accounts.tier_is_set)"
        )
    )


async def next_paid_after(database: Database, paid_after: datetime) -> datetime | None:
    """The first payment after that instant which will verify its account."""
    pool = await database.asyncpg_pool()
    found: datetime | None = await pool.fetchval(
        "SELECT min(paid_at) FROM paid_payments JOIN accounts ON accounts.id = account_id"  # noqa: S608
        f" WHERE is_good AND paid_at > $1 AND {_MAY_BE_VERIFIED}",
        paid_after,
    )
    return found
