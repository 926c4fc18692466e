"""What time does by itself: at an instant something is due to happen to an object, once."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Timer:
    """`verb` says what is to be done to the object; `at` is business time in seconds."""

    seq: int
    at: int
    verb: str
    object_id: str


class Timers:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, verb: str, object_id: str, *, at: int) -> None:
        self._connection.execute("INSERT INTO timers (at, verb, object_id) VALUES (?, ?, ?)", (at, verb, object_id))

    def take_due(self, *, now: int, limit: int) -> list[Timer]:
        """Timers whose instant has come, in order; they are gone with the transaction that acts on them."""
        rows = self._connection.execute(
            "SELECT seq, at, verb, object_id FROM timers WHERE at <= ? ORDER BY at, seq LIMIT ?", (now, limit)
        ).fetchall()
        self._connection.executemany("DELETE FROM timers WHERE seq = ?", [(row[0],) for row in rows])
        return [Timer(*row) for row in rows]

    def next_at(self) -> int | None:
        row = self._connection.execute("SELECT min(at) FROM timers").fetchone()
        return None if row[0] is None else int(row[0])
