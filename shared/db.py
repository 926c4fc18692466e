"""PostgreSQL: one engine and one optional raw pool a process, transactions with deadlines.

READ COMMITTED throughout; what must not interleave takes row locks. Every statement and every wait for a lock has a
deadline, set when the connection is made.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000
CONNECT_TIMEOUT_SECONDS = 5.0
PLAN_SECONDS = 30
KEPT_PLAN_SECONDS = 300

Connection = AsyncConnection
"""A connection inside a transaction, as use cases hand it from one store function to the next."""

_SERVER_SETTINGS = {
    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
    "timezone": "UTC",
    "jit": "off",
}

_BY_KEYS = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


class Database:
    """One schema, as its service's role. Close it when the process ends."""

    def __init__(
        self, url: str, *, pool_size: int = 10, application: str = "tollgate", finds_by_keys: bool = False
    ) -> None:
        """`finds_by_keys`: what is asked over the raw pool finds rows by keys, and is planned as on `dedicated`."""
        self._raw_settings = _BY_KEYS if finds_by_keys else {}
        self._url = make_url(url).set(drivername="postgresql+asyncpg")
        self._pool_size = pool_size
        self._settings = {**_SERVER_SETTINGS, "application_name": application}
        self.engine: AsyncEngine = create_async_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT_SECONDS,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            hide_parameters=True,
            connect_args={"timeout": CONNECT_TIMEOUT_SECONDS, "server_settings": self._settings},
        )
        self._pool: asyncpg.Pool | None = None
        self._pool_made = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self.engine.begin() as connection:
            yield connection

    async def asyncpg_pool(self) -> asyncpg.Pool:
        """The raw pool for hot paths, made at its first use."""
        if self._pool is None:
            async with self._pool_made:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(
                        self._raw_url(),
                        min_size=0,
                        max_size=self._pool_size,
                        timeout=CONNECT_TIMEOUT_SECONDS,
                        max_cached_statement_lifetime=PLAN_SECONDS if self._raw_settings else KEPT_PLAN_SECONDS,
                        server_settings={**self._settings, **self._raw_settings},
                        reset=_nothing_to_reset,
                    )
        return self._pool

    async def dedicated(self, *, lock_timeout_ms: int = LOCK_TIMEOUT_MS, durable: bool = True) -> asyncpg.Connection:
        """A raw connection of the caller's own, outside every pool; the caller closes it. What is committed on one that
        is not `durable` may be lost for a moment longer when the database dies. Its statements find rows by keys: they
        are planned by indexes, and not for each use but every `PLAN_SECONDS`. A plan of a table that was empty then
        would else be kept until somebody analyzes it."""
        return await asyncpg.connect(
            self._raw_url(),
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=STATEMENT_TIMEOUT_MS / 1_000 + CONNECT_TIMEOUT_SECONDS,
            max_cached_statement_lifetime=PLAN_SECONDS,
            server_settings={
                **self._settings,
                "lock_timeout": str(lock_timeout_ms),
                "synchronous_commit": "on" if durable else "off",
                **_BY_KEYS,
            },
        )

    def _raw_url(self) -> str:
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def answers(self) -> bool:
        """Whether PostgreSQL answers a trivial query."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (OSError, TimeoutError, SQLAlchemyError, asyncpg.PostgresError):
            return False
        return True

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
        await self.engine.dispose()


async def _nothing_to_reset(_connection: object) -> None:
    """Nobody leaves anything behind in a session of the raw pool: what is set is set for one transaction, and one that
    was left open is rolled back by the pool itself. asyncpg's own reset is a round trip."""


_PASSING_CLASSES = ("08", "40", "53", "57")
_LOCK_NOT_AVAILABLE = "55P03"


def is_unavailable(error: BaseException) -> bool:
    """Whether the database, and not the request, is at fault: gone, full, restarting, out of time or of connections
    (SQLSTATE classes 08, 40, 53 and 57, and a lock not had in time). The request may be sent again. asyncpg
    takes it for a fault of its own where a server took leave of an idle connection and its end is not seen yet."""
    if isinstance(error, OSError | TimeoutError | PoolTimeout | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_PASSING_CLASSES) or state == _LOCK_NOT_AVAILABLE
    return isinstance(error, DBAPIError) and error.connection_invalidated
