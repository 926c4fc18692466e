"""The first answer to each Idempotency-Key, kept for a day, in the same transaction as its effect."""

import sqlite3
from dataclasses import dataclass

KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class KeptAnswer:
    fingerprint: str
    status: int
    body: bytes
    request_id: str


class Answers:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, key: str) -> KeptAnswer | None:
        row = self._connection.execute(
            "SELECT fingerprint, status, body, request_id FROM idempotency WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else KeptAnswer(*row)

    def keep(self, key: str, answer: KeptAnswer, *, now: int) -> None:
        self._connection.execute(
            "INSERT INTO idempotency (key, fingerprint, status, body, request_id, created) VALUES (?, ?, ?, ?, ?, ?)",
            (key, answer.fingerprint, answer.status, answer.body, answer.request_id, now),
        )

    def forget_old(self, *, now: int) -> None:
        self._connection.execute("DELETE FROM idempotency WHERE created < ?", (now - KEPT_SECONDS,))
