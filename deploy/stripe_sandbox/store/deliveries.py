"""Which events are still to reach the webhook. A row is a copy to deliver; an event has one, or two when
doubled."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Delivery:
    seq: int
    event_id: str
    attempts: int
    first_at: float


class Deliveries:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, event_id: str, *, state: str, at: float, now: float) -> None:
        self._connection.execute(
            "INSERT INTO deliveries (event_id, state, first_at, next_at) VALUES (?, ?, ?, ?)",
            (event_id, state, now, at),
        )

    def due(self, *, now: float, limit: int, but: set[int]) -> list[Delivery]:
        """Pending deliveries whose time has come, oldest first, without those that are under way (`but`)."""
        rows = self._connection.execute(
            "SELECT seq, event_id, attempts, first_at FROM deliveries WHERE state = 'pending' "
            "AND next_at <= ? "
            "ORDER BY next_at, seq LIMIT ?",
            (now, limit + len(but)),
        )
        return [Delivery(*row) for row in rows if row[0] not in but][:limit]

    def due_count(self, *, now: float) -> int:
        """How many are pending and due by then, those under way among them."""
        row = self._connection.execute(
            "SELECT count(*) FROM deliveries WHERE state = 'pending' AND next_at <= ?", (now,)
        ).fetchone()
        return int(row[0])

    def next_at(self, *, but: set[int]) -> float | None:
        rows = self._connection.execute(
            "SELECT seq, next_at FROM deliveries WHERE state = 'pending' ORDER BY next_at LIMIT ?",
            (len(but) + 1,),
        )
        return next((row[1] for row in rows if row[0] not in but), None)

    def delivered(self, delivery: Delivery) -> None:
        self._connection.execute(
            "UPDATE deliveries SET state = 'delivered', attempts = attempts + 1, last_error = NULL WHERE seq = ?",
            (delivery.seq,),
        )

    def failed(self, delivery: Delivery, *, error: str, next_at: float | None) -> None:
        """Puts the next attempt off, or gives the delivery up."""
        self._connection.execute(
            "UPDATE deliveries SET state = ?, attempts = attempts + 1, last_error = ?, next_at = ? WHERE seq = ?",
            ("failed" if next_at is None else "pending", error[:500], next_at or 0.0, delivery.seq),
        )

    def release_held(self, *, now: float) -> int:
        released = self._connection.execute(
            "UPDATE deliveries SET state = 'pending', next_at = ? WHERE state = 'held'", (now,)
        )
        return released.rowcount

    def unfinished(self, event_id: str) -> int:
        """How many copies of the event have not been delivered, dropped ones among them: its `pending_webhooks`."""
        row = self._connection.execute(
            "SELECT count(*) FROM deliveries WHERE event_id = ? AND state <> 'delivered'", (event_id,)
        ).fetchone()
        return int(row[0])

    def counts(self) -> dict[str, int]:
        rows = self._connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall()
        return {str(state): int(count) for state, count in rows}
