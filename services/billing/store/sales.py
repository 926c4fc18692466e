"""Sales among the `payments`: what they have used of their limits, and which one a request began."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.business_types import DAY, MINUTE, MONTH, BusinessType
from services.billing.domain.payment import RESERVING
from services.billing.domain.sale_limits import SaleUse


async def use_of(
    connection: AsyncConnection, *, account_id: str, device_id: str, business: BusinessType, now: datetime
) -> SaleUse:
    """What the account's and the device's sales of one business type have used of each window before `now` (business
    time). One round trip; served by `payments_of_account_by_time` and `payments_of_device`. Exact only under the
    account's wallet's lock: a device is one account's."""
    found = await connection.execute(
        text(
            """
            SELECT account.*, device.* FROM (
                SELECT count(*) FILTER (WHERE created_at > :minute) AS account_minute_count,
                       coalesce(sum(usd_minor) FILTER (WHERE reserves AND created_at > :day), 0)::bigint
                           AS account_day_usd_minor,
                       coalesce(sum(usd_minor) FILTER (WHERE reserves), 0)::bigint AS account_month_usd_minor
                FROM (SELECT created_at, usd_minor, status = ANY(:reserving) AS reserves FROM payments
                      WHERE type = 'sale' AND account_id = :account_id AND business_type = :business
                        AND created_at > :month) AS of_account) AS account,
               (SELECT count(*) FILTER (WHERE created_at > :minute) AS device_minute_count,
                       count(*) FILTER (WHERE reserves) AS device_day_count,
                       coalesce(sum(usd_minor) FILTER (WHERE reserves), 0)::bigint AS device_day_usd_minor
                FROM (SELECT created_at, usd_minor, status = ANY(:reserving) AS reserves FROM payments
                      WHERE type = 'sale' AND device_id = :device_id AND business_type = :business
                        AND created_at > :day) AS of_device) AS device
            """
        ),
        {
            "account_id": account_id,
            "device_id": device_id,
            "business": business.value,
            "minute": now - MINUTE,
            "day": now - DAY,
            "month": now - MONTH,
            "reserving": sorted(status.value for status in RESERVING),
        },
    )
    row = found.one()
    return SaleUse(**row._mapping)


async def begun_by(connection: AsyncConnection, account_id: str, asked_key: bytes) -> str | None:
    """The id of the sale that the same request began, or None. By `payments_asked_once`."""
    found: str | None = await connection.scalar(
        text("SELECT id FROM payments WHERE account_id = :account_id AND asked_key = :asked_key"),
        {"account_id": account_id, "asked_key": asked_key},
    )
    return found


async def forget_key(connection: AsyncConnection, account_id: str, asked_key: bytes, *, before: datetime) -> None:
    """Let a request's key be used anew where it was used before that instant."""
    await connection.execute(
        text(
            "UPDATE payments SET asked_key = NULL"
            " WHERE account_id = :account_id AND asked_key = :asked_key AND created_at < :before"
        ),
        {"account_id": account_id, "asked_key": asked_key, "before": before},
    )


async def was_released(connection: AsyncConnection, payment_id: str) -> bool:
    """Whether a payment was held for review and let go on."""
    found: bool = await connection.scalar(
        text(
            "SELECT EXISTS (SELECT FROM payment_steps WHERE payment_id = :id AND from_status = 'in_review'"
            " AND to_status = 'pending')"
        ),
        {"id": payment_id},
    )
    return found
