"""Whose turn it is to move the test clock: one advance at a time, whichever process it came to."""

import contextlib
from collections.abc import AsyncIterator

from shared.db import Database


@contextlib.asynccontextmanager
async def turn_at_clock(database: Database) -> AsyncIterator[bool]:
    """Whether nobody else is at it; for the length of the block nobody else is. On a connection of its own, whose end
    gives the turn back however this process ends."""
    connection = await database.dedicated()
    try:
        yield bool(await connection.fetchval("SELECT pg_try_advisory_lock(hashtext('gateway.test_clock'))"))
    finally:
        await connection.close()
