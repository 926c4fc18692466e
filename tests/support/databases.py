"""A fresh migrated database a test: cloned from a template that is migrated once a process, or one that was given back
and is as it was cloned again. See `reuse`."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.local.postgres import PostgresServer
from shared.db import Database
from shared.migrations import migrate_schema, role_name
from tests.support import reuse
from tests.support.keys import SERVICES

TEMPLATE = f"template_tollgate_{os.getpid()}"
"""Named for this process: with DATABASE_URL set, several test processes share one server."""
ROLE_PASSWORD = "only-in-tests"
SCRAM_ROUNDS_SINCE = 16
"""The first PostgreSQL whose rounds can be set."""
_numbers = itertools.count(1)


def _with(url: str, *, database: str, user: str | None = None) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    credentials = f"{user}:{ROLE_PASSWORD}" if user else parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@{host}", path=f"/{database}"))


@dataclass(frozen=True)
class TestDatabase:
    """One database with every schema. `url_of(service)` is that service's role's."""

    __test__ = False

    owner_url: str
    name: str

    def url_of(self, service: str) -> str:
        return _with(self.owner_url, database=self.name, user=role_name(TEMPLATE, service))

    def open(self, service: str, *, pool_size: int = 10) -> Database:
        """As the service's role; the caller closes it."""
        return Database(self.url_of(service), pool_size=pool_size, application=f"test-{service}")


async def make_template(server: PostgresServer) -> None:
    """Migrate every schema into the template, as the services' own `migrate` does."""
    owner = _with(server.owner_url, database=TEMPLATE)
    await _execute(server.owner_url, f'CREATE DATABASE "{TEMPLATE}"')
    for service in SERVICES:
        if find_spec(f"services.{service}.migrations") is not None:
            role = _with(server.owner_url, database=TEMPLATE, user=role_name(TEMPLATE, service))
            await migrate_schema(service, owner_url=owner, service_url=role)
    connection = await asyncpg.connect(owner)
    await _make_passwords_cheap(connection)
    await reuse.remember(connection)
    await connection.close()


async def _make_passwords_cheap(connection: asyncpg.Connection) -> None:
    """A test opens a dozen connections, each of which proves its password with 4,096 rounds of a hash."""
    if connection.get_server_version().major >= SCRAM_ROUNDS_SINCE:
        roles = (f"ALTER ROLE \"{role_name(TEMPLATE, each)}\" PASSWORD '{ROLE_PASSWORD}'" for each in SERVICES)
        await connection.execute("; ".join(["SET scram_iterations = 1", *roles]))


async def empty(server: PostgresServer) -> TestDatabase:
    """A database without any schema, for tests that migrate it themselves."""
    name = f"test_{next(_numbers)}"
    await _execute(server.owner_url, f'CREATE DATABASE "{name}"')
    return TestDatabase(_with(server.owner_url, database=name), name)


async def clone(server: PostgresServer) -> TestDatabase:
    """A database of its own for one test."""
    name = f"test_{next(_numbers)}"
    paths = (
        f'ALTER ROLE "{role_name(TEMPLATE, service)}" IN DATABASE "{name}" SET search_path = "{service}"'
        for service in SERVICES
    )
    copy = f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY FILE_COPY'
    await _execute(server.owner_url, copy, *paths)
    return TestDatabase(_with(server.owner_url, database=name), name)


async def drop(server: PostgresServer, database: TestDatabase) -> None:
    await _execute(server.owner_url, f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for sql in statements:
            await connection.execute(sql)
    finally:
        await connection.close()


async def drop_template(server: PostgresServer) -> None:
    await _execute(server.owner_url, f'DROP DATABASE IF EXISTS "{TEMPLATE}" WITH (FORCE)')
    for service in SERVICES:
        await _execute(server.owner_url, f'DROP ROLE IF EXISTS "{role_name(TEMPLATE, service)}"')


def make_template_now(server: PostgresServer) -> None:
    asyncio.run(make_template(server))


class Databases:
    """Databases for tests one after another: given back, one is emptied for the next, or dropped where its test changed
    more than rows. Not to be used from a running event loop, for it keeps connections in one of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._loop = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._spare: list[tuple[TestDatabase, asyncpg.Connection]] = []

    @contextlib.contextmanager
    def one(self) -> Iterator[TestDatabase]:
        """Nobody else's until the block ends."""
        made, owner = self._spare.pop() if self._spare else self._loop.run(self._made())
        yield made
        self._loop.run(self._given_back(made, owner))

    async def _made(self) -> tuple[TestDatabase, asyncpg.Connection]:
        made = await clone(self._server)
        return made, await asyncpg.connect(made.owner_url, command_timeout=reuse.PATIENCE_SECONDS)

    async def _given_back(self, made: TestDatabase, owner: asyncpg.Connection) -> None:
        if await reuse.emptied(owner):
            self._spare.append((made, owner))
        else:
            owner.terminate()
            await drop(self._server, made)

    def close(self) -> None:
        """Drops all that are spare."""
        for made, owner in self._spare:
            owner.terminate()
            self._loop.run(drop(self._server, made))
        self._loop.close()
