"""The table `webhook_events`: Stripe's events, once each, and the queue of those that are still to be worked on.

Leases and retries are timed by the database's clock; `received_at` and `handled_at` are business time. Bodies are
sealed under their month's key: see `webhook_bodies`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.stripe_events import StripeEvent, subjects_of
from services.billing.store.webhook_bodies import SealedBody, key_of_month
from shared.db import Database

Status = Literal["received", "handled", "ignored", "failed", "parked"]
Closed = Literal["handled", "ignored"]

_SHOWN = "id, stripe_event_id, type, api_version, status, attempts, error, received_at, handled_at"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as operators see it."""

    id: str
    stripe_event_id: str
    type: str
    api_version: str | None
    status: str
    attempts: int
    error: str | None
    received_at: datetime
    handled_at: datetime | None

    def as_view(self) -> dict[str, object]:
        """As the API says it."""
        return asdict(self)

    def line(self) -> str:
        """In one line, for a terminal."""
        came = f"{self.received_at:%Y-%m-%d %H:%M:%S}"
        told = f"tried {self.attempts}x" + (f": {self.error}" if self.error else "")
        return "  ".join((came, f"{self.status:8}", self.id, self.stripe_event_id, self.type, told))


@dataclass(frozen=True, slots=True)
class LeasedEvent:
    """An event that this worker may work on until its lease ends. `attempt` counts from 1."""

    id: str
    attempt: int
    body: SealedBody


async def insert_once(
    connection: AsyncConnection,
    event: StripeEvent,
    body: bytes,
    *,
    row_id: str,
    keys: Mapping[int, bytes],
    ignored_because: str | None,
    at: datetime,
) -> bool:
    """Store an event that has not come before; whether it had not. What is to be ignored is closed at once."""
    month = await key_of_month(connection, at, keys)
    stored = await connection.execute(
        text(
            "INSERT INTO webhook_events (id, stripe_event_id, type, api_version, livemode, stripe_account, about,"
            " status, error, body, key_month, received_at, handled_at) VALUES (:id, :stripe_event_id, :type,"
            " :api_version, :livemode, :account, :about, :status, :error, :body, :key_month, :at, :handled_at)"
            " ON CONFLICT (stripe_event_id) DO NOTHING"
        ),
        {
            "id": row_id,
            "stripe_event_id": event.id,
            "type": event.type,
            "api_version": event.api_version,
            "livemode": event.livemode,
            "account": event.account,
            "status": "received" if ignored_because is None else "ignored",
            "error": ignored_because,
            "about": list(subjects_of(event)),
            "body": month.seal(body, event.id),
            "key_month": month.month,
            "at": at,
            "handled_at": None if ignored_because is None else at,
        },
    )
    return stored.rowcount == 1


async def any_due(database: Database) -> bool:
    """Whether leasing is worth its while: a glance at `webhook_events_due` on the raw pool, a tenth of a
    transaction."""
    pool = await database.asyncpg_pool()
    found: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM webhook_events"
        " WHERE status IN ('received', 'failed') AND next_attempt_at <= now() AND leased_until <= now())"
    )
    return found


async def lease(connection: AsyncConnection, *, lease_seconds: int, limit: int) -> list[LeasedEvent]:
    """Take up to `limit` due events, oldest first, skipping what others are taking now. Commit before working:
    a worker that dies leaves only a lease that ends. Served by `webhook_events_due`."""
    found = await connection.execute(
        text(
            """
            UPDATE webhook_events
            SET attempts = attempts + 1, leased_until = now() + make_interval(secs => :lease_seconds)
            WHERE id IN (
                SELECT id FROM webhook_events
                WHERE status IN ('received', 'failed') AND next_attempt_at <= now() AND leased_until <= now()
                ORDER BY next_attempt_at LIMIT :limit FOR UPDATE SKIP LOCKED)
            RETURNING id, stripe_event_id, attempts, body, key_month,
                      (SELECT wrapped FROM webhook_keys WHERE month = key_month) AS wrapped
            """
        ),
        {"lease_seconds": lease_seconds, "limit": limit},
    )
    return [
        LeasedEvent(row.id, row.attempts, SealedBody(row.stripe_event_id, row.body, row.key_month, row.wrapped))
        for row in found
    ]


async def close(
    connection: AsyncConnection, event: LeasedEvent, status: Closed, *, reason: str | None, at: datetime
) -> bool:
    """Say in the effect's own transaction that the event is done. False where another worker has taken it over: the
    transaction must then roll back."""
    return await _end_lease(
        connection,
        event,
        "status = :status, error = :error, handled_at = :at",
        {"status": status, "error": reason, "at": at},
    )


async def retry_later(connection: AsyncConnection, event: LeasedEvent, *, error: str, pause_seconds: float) -> bool:
    """Record a failure and when to try again."""
    return await _end_lease(
        connection,
        event,
        "status = 'failed', error = :error, next_attempt_at = now() + make_interval(secs => :pause)",
        {"error": error, "pause": pause_seconds},
    )


async def park(connection: AsyncConnection, event: LeasedEvent, *, error: str) -> bool:
    """Give an event up until an operator replays it."""
    return await _end_lease(connection, event, "status = 'parked', error = :error", {"error": error})


_ANEW = (
    "status = 'received', attempts = 0, error = NULL, handled_at = NULL, next_attempt_at = now(),"
    " leased_until = '-infinity'"
)


async def replay(connection: AsyncConnection, event_id: str) -> StoredEvent | None:
    """Put an event, named by our id or by Stripe's, back into the queue as if it had just come; None where there is
    none."""
    found = await connection.execute(
        text(f"UPDATE webhook_events SET {_ANEW} WHERE id = :id OR stripe_event_id = :id RETURNING {_SHOWN}"),  # noqa: S608
        {"id": event_id},
    )
    row = found.first()
    return None if row is None else _stored(row)


async def replay_parked(connection: AsyncConnection, *, limit: int) -> list[StoredEvent]:
    """The same with up to `limit` parked events. Served by `webhook_events_parked`."""
    found = await connection.execute(
        text(
            f"UPDATE webhook_events SET {_ANEW} WHERE id IN (SELECT id FROM webhook_events"  # noqa: S608
            f" WHERE status = 'parked' LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING {_SHOWN}"
        ),
        {"limit": limit},
    )
    return [_stored(row) for row in found]


async def forget_old(connection: AsyncConnection, *, before: datetime, limit: int) -> int:
    """Delete events that were handled or ignored before an instant; how many. Served by `webhook_events_closed`."""
    gone = await connection.execute(
        text(
            "DELETE FROM webhook_events WHERE id IN (SELECT id FROM webhook_events"
            " WHERE status IN ('handled', 'ignored') AND handled_at < :before LIMIT :limit FOR UPDATE SKIP LOCKED)"
        ),
        {"before": before, "limit": limit},
    )
    return gone.rowcount


async def find(connection: AsyncConnection, event_id: str) -> StoredEvent | None:
    found = await connection.execute(
        text(f"SELECT {_SHOWN} FROM webhook_events WHERE id = :id"),  # noqa: S608
        {"id": event_id},
    )
    row = found.first()
    return None if row is None else _stored(row)


async def page(
    connection: AsyncConnection, *, status: str | None, about: str | None, after: str | None, limit: int
) -> list[StoredEvent]:
    """Events, newest first, beginning below `after`; of those that name `about`, where it is given (served by
    `webhook_events_about`)."""
    found = await connection.execute(
        text(
            f"SELECT {_SHOWN} FROM webhook_events WHERE (CAST(:status AS text) IS NULL OR status = :status)"  # noqa: S608
            " AND (CAST(:about AS text) IS NULL OR about @> ARRAY[CAST(:about AS text)])"
            " AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"status": status, "about": about, "after": after, "limit": limit},
    )
    return [_stored(row) for row in found]


async def naming(connection: AsyncConnection, about: Iterable[str], *, limit: int) -> list[StoredEvent]:
    """Up to `limit` events that name any of these ids of Stripe's, oldest first. Served by `webhook_events_about`."""
    found = await connection.execute(
        text(
            f"SELECT {_SHOWN} FROM webhook_events WHERE about && CAST(:about AS text[])"  # noqa: S608
            " ORDER BY received_at, id LIMIT :limit"
        ),
        {"about": list(about), "limit": limit},
    )
    return [_stored(row) for row in found]


async def _end_lease(
    connection: AsyncConnection, event: LeasedEvent, changes: str, values: Mapping[str, object]
) -> bool:
    ended = await connection.execute(
        text(
            f"UPDATE webhook_events SET {changes}, leased_until = '-infinity'"  # noqa: S608
            " WHERE id = :id AND attempts = :attempt AND status IN ('received', 'failed')"
        ),
        {**values, "id": event.id, "attempt": event.attempt},
    )
    return ended.rowcount == 1


def _stored(row: Row[Any]) -> StoredEvent:
    return StoredEvent(**row._mapping)
