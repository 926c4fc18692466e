"""Fixtures that every test may ask for: real PostgreSQL and Redis, a fresh database, real settings."""

import asyncio
import contextlib
import functools
import gc
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx._transports.default as transports
import hypothesis
import pytest
from redis.asyncio import Redis

from deploy.local.postgres import PostgresServer
from deploy.local.redis import RedisServer
from shared import bus, db
from shared.db import Database
from shared.telemetry import configure_logging
from tests.support import databases, kept_routes, keys, scratch
from tests.support.databases import Databases, TestDatabase

hypothesis.settings.register_profile("tollgate", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tollgate")  # a busy machine is no failing example

# Each of httpx's clients reads the system's certificates anew, 20 ms of CPU, and a service makes ten clients.
transports.create_ssl_context = functools.lru_cache(transports.create_ssl_context)  # type: ignore[attr-defined]
kept_routes.keep()

# A busy machine is no failing statement: the services' own patience is ten seconds.
db._SERVER_SETTINGS["statement_timeout"] = "30000"


def pytest_configure(config: pytest.Config) -> None:
    kept = contextlib.ExitStack()
    kept.enter_context(scratch.folder())
    config.add_cleanup(kept.close)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Thousands of tests and all that they import stay to the end: looking among them for garbage, again and again,
    would take two fifths of a collection's CPU, and some of every test's."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@dataclass(frozen=True)
class Servers:
    """The real servers of this test process."""

    postgres: PostgresServer
    redis: RedisServer


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="tollgate-test-") as folder:
        Path(folder).chmod(0o711)  # where root must run PostgreSQL as another user, that user enters here
        postgres = PostgresServer.start(Path(folder) / "postgres", durable=False)
        redis = RedisServer.start(Path(folder) / "redis")
        try:
            databases.make_template_now(postgres)
            yield Servers(postgres, redis)
        finally:
            asyncio.run(databases.drop_template(postgres))
            redis.stop()
            postgres.stop()


@pytest.fixture(scope="session")
def all_databases(servers: Servers) -> Iterator[Databases]:
    made = Databases(servers.postgres)
    yield made
    made.close()


@pytest.fixture
def database(all_databases: Databases) -> Iterator[TestDatabase]:
    """A fresh database with every schema migrated."""
    with all_databases.one() as made:
        yield made


async def _opened(database: TestDatabase, service: str) -> AsyncIterator[Database]:
    opened = database.open(service)
    yield opened
    await opened.close()


@pytest.fixture
async def gateway_db(database: TestDatabase) -> AsyncIterator[Database]:
    async for opened in _opened(database, "gateway"):
        yield opened


@pytest.fixture
async def billing_db(database: TestDatabase) -> AsyncIterator[Database]:
    async for opened in _opened(database, "billing"):
        yield opened


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all examples of a module's property tests, which are not async themselves."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def kept_billing_db(all_databases: Databases, runner: asyncio.Runner) -> Iterator[Database]:
    """One database for all of them, as billing sees it."""
    with all_databases.one() as made:
        database = made.open("billing")
        yield database
        runner.run(database.close())


@pytest.fixture
async def licensing_db(database: TestDatabase) -> AsyncIterator[Database]:
    async for opened in _opened(database, "licensing"):
        yield opened


@pytest.fixture
async def fraud_db(database: TestDatabase) -> AsyncIterator[Database]:
    async for opened in _opened(database, "fraud"):
        yield opened


@pytest.fixture
async def redis_url(servers: Servers) -> str:
    """This process's Redis, emptied."""
    client = bus.connect(servers.redis.url)
    await client.flushall()
    await client.aclose()
    return servers.redis.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = bus.connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def settings_for(database: TestDatabase, redis_url: str) -> Callable[..., Any]:
    """`settings_for("billing", fraud_url=...)`: that service's real settings for this test."""

    def make(service: str, **overrides: Any) -> Any:
        settings = import_module(f"services.{service}.settings").Settings
        values = {
            "environment": "test",
            "log_level": "warning",
            "database_url": database.url_of(service),
            "redis_url": redis_url,
            **keys.environment(service),
            **overrides,
        }
        return settings(_env_file=None, **values)

    return make


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> None:
    """Logs as the services write them. structlog's own default draws tracebacks, which takes seconds each."""
    configure_logging("tests", "warning")


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own environment must not reach the tests' settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE", "PUBLIC_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("PYTHONDONTWRITEBYTECODE", os.environ.get("PYTHONDONTWRITEBYTECODE", ""))
        yield
