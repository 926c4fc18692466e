"""A dedicated connection for one batch at a time, made when it is needed and made anew after a failure."""

from services.billing.store.swift_postings import SwiftConnection
from shared.db import Database

_LOCK_MS = 300


class Lane:
    """Not for two at once."""

    def __init__(self, database: Database, *, durable: bool = True) -> None:
        self._database = database
        self._durable = durable
        self._open: SwiftConnection | None = None

    async def connection(self) -> SwiftConnection:
        if self._open is None or not self._open.is_open:
            made = await self._database.dedicated(lock_timeout_ms=_LOCK_MS, durable=self._durable)
            self._open = SwiftConnection(made)
        return self._open

    def drop(self) -> None:
        """End the connection at once, whatever it is at."""
        if self._open is not None:
            self._open.drop()
            self._open = None

    async def close(self) -> None:
        if self._open is not None:
            await self._open.close()
