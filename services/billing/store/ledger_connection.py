"""The ledger's connections: raw asyncpg, whose arrays and prepared statements its SQL is written for.

The ledger's own transactions take one from the raw pool. Within a transaction that SQLAlchemy began, the same SQL runs
on that transaction's own driver connection, so a payment and its credits commit together.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
from sqlalchemy import text

from shared.db import Connection, Database

Ledger = Any
"""An asyncpg connection inside a transaction. asyncpg's pooled and bare connections share no type."""

POOL_WAIT_SECONDS = 2.0


class IdTaken(Exception):
    """A unique key undid what was written: an id (or a request's or payment's row) is there already."""


class WalletsBusy(Exception):
    """A wallet's lock, or the transaction's place among others, was not had in time. Nothing was done."""


@contextlib.asynccontextmanager
async def ledger_transaction(database: Database, *, lock_ms: int | None = None) -> AsyncIterator[Ledger]:
    """One READ COMMITTED transaction of the raw pool, committed synchronously. Raises IdTaken or WalletsBusy, rolled
    back, where a unique key or a lock refused it; `lock_ms` bounds each wait for a lock more tightly than all else."""
    pool = await database.asyncpg_pool()
    async with pool.acquire(timeout=POOL_WAIT_SECONDS) as connection:
        with translated():
            await connection.execute("BEGIN" if lock_ms is None else f"BEGIN; SET LOCAL lock_timeout = {lock_ms:d}")
            try:
                yield connection
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")


@contextlib.asynccontextmanager
async def ledger_snapshot(database: Database) -> AsyncIterator[Ledger]:
    """One read-only transaction that sees a single moment, however long it reads."""
    pool = await database.asyncpg_pool()
    async with (
        pool.acquire(timeout=POOL_WAIT_SECONDS) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def ledger_of(connection: Connection) -> Ledger:
    """The driver connection of a SQLAlchemy transaction, with that transaction begun."""
    await connection.execute(text("SELECT 1"))
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None and driver.is_in_transaction()
    return driver


@contextlib.contextmanager
def translated() -> Any:
    """Says what the ledger knows how to go on from, in its own words."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise IdTaken(error.constraint_name or "unique key") from error
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
        raise WalletsBusy(type(error).__name__) from error
