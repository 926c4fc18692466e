"""The store as a whole: the tables' keepers over one connection, and the transaction that spans them."""

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path

from deploy.stripe_sandbox.store.answers import Answers
from deploy.stripe_sandbox.store.database import open_file, transaction
from deploy.stripe_sandbox.store.deliveries import Deliveries
from deploy.stripe_sandbox.store.ledger import Ledger
from deploy.stripe_sandbox.store.objects import Objects
from deploy.stripe_sandbox.store.timers import Timers


class Store:
    """Not for use from several threads at once, and never across an `await` inside a transaction."""

    def __init__(self, path: Path) -> None:
        self._connection: sqlite3.Connection = open_file(path)
        self.objects = Objects(self._connection)
        self.deliveries = Deliveries(self._connection)
        self.answers = Answers(self._connection)
        self.timers = Timers(self._connection)
        self.ledger = Ledger(self._connection)

    def transaction(self) -> AbstractContextManager[None]:
        return transaction(self._connection)

    def note(self, name: str) -> str | None:
        """A small fact about the sandbox itself: its salt, its webhook endpoint's id, the delivery mode."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, name: str, value: str) -> None:
        self._connection.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def close(self) -> None:
        self._connection.close()
