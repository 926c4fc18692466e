"""The table `subscription_deeds`: what is to be asked of Stripe, once for each key."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.subscriptions.deeds import Deed, DeedKind
from services.billing.domain.subscriptions.subscription import SubscriptionId


@dataclass(frozen=True, slots=True)
class LeasedDeed:
    """One that this process has to itself; `attempt` counts from one."""

    deed: Deed
    attempt: int


async def want(connection: AsyncConnection, deeds: Iterable[Deed], *, at: datetime) -> list[Deed]:
    """Write down those that were never wanted before, and answer them."""
    return [deed for deed in deeds if await _insert(connection, deed, at=at)]


async def lease(connection: AsyncConnection, *, lease_seconds: int, limit: int) -> list[LeasedDeed]:
    """Those that are due by the database's clock, the oldest first; others at work are passed over. Served by
    `subscription_deeds_to_do`."""
    found = await connection.execute(
        text(
            """
            UPDATE subscription_deeds
            SET due_at = now() + make_interval(secs => :lease_seconds), attempts = attempts + 1
            WHERE id IN (SELECT id FROM subscription_deeds WHERE done_at IS NULL AND due_at <= now()
                         ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
            RETURNING subscription_id, kind, object_id, card_id, attempts
            """
        ),
        {"lease_seconds": lease_seconds, "limit": limit},
    )
    return [
        LeasedDeed(
            Deed(DeedKind(row.kind), SubscriptionId(row.subscription_id), row.object_id, row.card_id), row.attempts
        )
        for row in found
    ]


async def done(connection: AsyncConnection, deed: Deed, outcome: str) -> None:
    await connection.execute(
        text("UPDATE subscription_deeds SET done_at = now(), outcome = :outcome WHERE id = :id AND done_at IS NULL"),
        {"id": deed.key, "outcome": outcome},
    )


async def later(connection: AsyncConnection, deed: Deed, *, pause_seconds: float) -> None:
    await connection.execute(
        text("UPDATE subscription_deeds SET due_at = now() + make_interval(secs => :pause) WHERE id = :id"),
        {"id": deed.key, "pause": pause_seconds},
    )


async def _insert(connection: AsyncConnection, deed: Deed, *, at: datetime) -> bool:
    written = await connection.execute(
        text(
            "INSERT INTO subscription_deeds (id, subscription_id, kind, object_id, card_id, created_at)"
            " VALUES (:id, :subscription_id, :kind, :object_id, :card_id, :at) ON CONFLICT (id) DO NOTHING"
        ),
        {
            "id": deed.key,
            "subscription_id": deed.subscription_id,
            "kind": deed.kind.value,
            "object_id": deed.object_id,
            "card_id": deed.card_id,
            "at": at,
        },
    )
    return written.rowcount == 1
