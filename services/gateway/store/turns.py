"""Turns of one account's slow transactions in this process.

What would wait for the same row lock waits here first, without a connection: one account never fills the pool.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from shared.errors import DomainError

LONGEST_WAIT_SECONDS = 4.0


class Turns:
    """One turn at a time for each name."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait for the turn; 503 where it does not come in time."""
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            try:
                async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                    await lock.acquire()
            except TimeoutError:
                raise _busy() from None
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = (lock, users - 1)


def _busy() -> DomainError:
    return DomainError(
        "service_unavailable", "This account is busy with other requests. Try again.", headers={"Retry-After": "1"}
    )
