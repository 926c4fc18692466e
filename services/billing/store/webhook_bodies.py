"""The table `webhook_keys`, and the bodies of Stripe's events that are sealed under them.

Each month (of business time) has a random key, itself sealed under the service's keys. A body is sealed under the key
of the month in which it came, bound to its event. Dropping a month's key makes every copy of its bodies unreadable,
those in backups too, as long as the backups hold no copy of the key.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.crypto import seal, unseal

_KEY_BYTES = 32
_ONLY = 1
"""A month has one key, so what is sealed under it has one version."""


@dataclass(frozen=True, slots=True)
class MonthKey:
    """The key of a month, which is named by its first day."""

    month: date
    key: bytes

    def __repr__(self) -> str:
        return f"MonthKey({self.month})"

    def seal(self, body: bytes, stripe_event_id: str) -> bytes:
        """The body as it is stored."""
        return seal(body, {_ONLY: self.key}, _body_context(stripe_event_id))


@dataclass(frozen=True, slots=True)
class SealedBody:
    """A stored body, with the key that it is under. Those from before there were months are under the service's own
    keys and have none."""

    stripe_event_id: str
    sealed: bytes
    month: date | None
    wrapped_key: bytes | None

    def open(self, keys: Mapping[int, bytes]) -> bytes:
        """The event as it came. Raises CannotUnseal."""
        if self.month is not None and self.wrapped_key is not None:
            keys = {_ONLY: unseal(self.wrapped_key, keys, _key_context(self.month))}
        return unseal(self.sealed, keys, _body_context(self.stripe_event_id))


def month_of(at: datetime) -> date:
    """The first day of the month of an instant."""
    return at.date().replace(day=1)


async def key_of_month(connection: AsyncConnection, at: datetime, keys: Mapping[int, bytes]) -> MonthKey:
    """The key of the month of `at`, made where there is none yet: by one transaction, whoever else tries."""
    month = month_of(at)
    wrapped = await _wrapped(connection, month)
    if wrapped is None:
        await connection.execute(
            text(
                "INSERT INTO webhook_keys (month, wrapped, created_at) VALUES (:month, :wrapped, :at)"
                " ON CONFLICT (month) DO NOTHING"
            ),
            {"month": month, "wrapped": seal(os.urandom(_KEY_BYTES), keys, _key_context(month)), "at": at},
        )
        wrapped = await _wrapped(connection, month)
        assert wrapped is not None
    return MonthKey(month, unseal(wrapped, keys, _key_context(month)))


async def seal_anew(
    connection: AsyncConnection, *, before: date, under: MonthKey, keys: Mapping[int, bytes], limit: int
) -> int:
    """Put up to `limit` bodies of months before `before` under a later month's key; how many. Served by
    `webhook_events_of_month`; skips rows that somebody works on."""
    left = await connection.execute(
        text(
            "SELECT e.id, e.stripe_event_id, e.body, k.month, k.wrapped FROM webhook_events e"
            " JOIN webhook_keys k ON k.month = e.key_month WHERE e.key_month < :before"
            " LIMIT :limit FOR UPDATE OF e SKIP LOCKED"
        ),
        {"before": before, "limit": limit},
    )
    bodies = {row.id: SealedBody(row.stripe_event_id, row.body, row.month, row.wrapped) for row in left}
    changes = [
        {"id": row_id, "body": under.seal(body.open(keys), body.stripe_event_id), "month": under.month}
        for row_id, body in bodies.items()
    ]
    if changes:
        await connection.execute(
            text("UPDATE webhook_events SET body = :body, key_month = :month WHERE id = :id"), changes
        )
    return len(changes)


async def drop_keys(connection: AsyncConnection, *, before: date) -> list[date]:
    """Forget the keys of months before `before` that no event is under any more; which."""
    gone = await connection.execute(
        text(
            "DELETE FROM webhook_keys k WHERE month < :before"
            " AND NOT EXISTS (SELECT FROM webhook_events e WHERE e.key_month = k.month) RETURNING month"
        ),
        {"before": before},
    )
    return sorted(row.month for row in gone)


async def _wrapped(connection: AsyncConnection, month: date) -> bytes | None:
    found = await connection.scalar(text("SELECT wrapped FROM webhook_keys WHERE month = :month"), {"month": month})
    return None if found is None else bytes(found)


def _key_context(month: date) -> str:
    return f"billing.webhook_keys:{month.isoformat()}"


def _body_context(stripe_event_id: str) -> str:
    return f"billing.webhook_events.body:{stripe_event_id}"
