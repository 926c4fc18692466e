"""A transaction that changes what caches remember: its news is hastened once it is committed."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from services.gateway.service import Gateway
from services.gateway.store.connection import Connection

Done = TypeVar("Done")
Answer = TypeVar("Answer")

Keep = Callable[[Connection, Done], Awaitable[Answer]]
"""Makes the answer to what was done, and saves it in the same transaction for the request's Idempotency-Key."""


@contextlib.asynccontextmanager
async def changing(gateway: Gateway) -> AsyncIterator[Connection]:
    """One transaction; `shared.changes.note` inside it says what has changed."""
    async with gateway.database.transaction() as connection:
        yield connection
    await gateway.announce()
