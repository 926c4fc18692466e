"""Which subscriptions are due to be looked at, and (the table `subscription_monitoring`) whether that is done."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.subscriptions.subscription import SubscriptionId


@dataclass(frozen=True, slots=True)
class Monitoring:
    """`due` is how many wait to be looked at, `looked_at` when a look was last taken. Business time."""

    running: bool
    changed_at: datetime | None
    changed_by: str | None
    looked_at: datetime | None
    due: int


async def state(connection: AsyncConnection, *, now: datetime) -> Monitoring:
    found = await connection.execute(
        text(
            "SELECT running, changed_at, changed_by, looked_at,"
            " (SELECT count(*) FROM subscriptions WHERE check_at <= :now) AS due FROM subscription_monitoring"
        ),
        {"now": now},
    )
    row = found.one()
    return Monitoring(row.running, row.changed_at, row.changed_by, row.looked_at, row.due)


async def switch(connection: AsyncConnection, *, running: bool, by: str, at: datetime) -> bool:
    """Start or stop it; whether that changed anything."""
    written = await connection.execute(
        text(
            "UPDATE subscription_monitoring SET running = :running, changed_at = :at, changed_by = :by"
            " WHERE running <> :running"
        ),
        {"running": running, "at": at, "by": by},
    )
    return written.rowcount == 1


async def lease_due(
    connection: AsyncConnection, *, now: datetime, lease_seconds: int, limit: int
) -> list[SubscriptionId]:
    """Subscriptions that are due at `now` (business time), the longest overdue first. While it is stopped only those of
    which money went back, or came back (`check_at` is the epoch): that is no routine look.

    Each is leased by the database's clock, so that two loops look at different ones and one that fails is not looked
    at again at once. Served by `subscriptions_to_check`.
    """
    found = await connection.execute(
        text(
            """
            UPDATE subscriptions SET leased_until = now() + make_interval(secs => :lease_seconds)
            WHERE id IN (
                SELECT id FROM subscriptions
                WHERE check_at <= :now AND leased_until <= now()
                  AND (check_at = 'epoch' OR (SELECT running FROM subscription_monitoring))
                ORDER BY check_at LIMIT :limit FOR UPDATE SKIP LOCKED)
            RETURNING id
            """
        ),
        {"now": now, "lease_seconds": lease_seconds, "limit": limit},
    )
    return [SubscriptionId(row.id) for row in found]


async def note_look(connection: AsyncConnection, *, at: datetime) -> None:
    await connection.execute(text("UPDATE subscription_monitoring SET looked_at = :at"), {"at": at})


async def end_lease(connection: AsyncConnection, subscription_id: SubscriptionId) -> None:
    """It was looked at, and may be again as soon as it is due."""
    await connection.execute(
        text("UPDATE subscriptions SET leased_until = '-infinity' WHERE id = :id"), {"id": subscription_id}
    )
