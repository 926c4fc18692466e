"""One Alembic environment for every schema.

Each service keeps its revisions in `services/<name>/migrations/versions`; its version table lies in its own schema.
The owner migrates; the service's role is made here and may do only what a revision grants it. Revisions are plain SQL.

A revision begins with `from shared.migrations import grant, execute`.
"""

import asyncio
import sys
from importlib import import_module
from pathlib import Path

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, NullPool, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import await_only

MIGRATION_LOCK_TIMEOUT = "5s"
_ADVISORY_LOCK = 0x70_11_6A_7E


def role_name(database: str, service: str) -> str:
    """The role of a service in a database. Roles are the cluster's, so the database is part of the name."""
    return f"{database}_{service}"


def migrate(service: str, *, owner_url: str, service_url: str, target: str = "head") -> None:
    """`migrate_schema` for a process of its own."""
    asyncio.run(migrate_schema(service, owner_url=owner_url, service_url=service_url, target=target))


async def migrate_schema(service: str, *, owner_url: str, service_url: str, target: str = "head") -> None:
    """Make the service's role and schema where they lack, then upgrade the schema, in one transaction.

    Safe to run twice at once: an advisory lock puts the runs in a row. A statement that waits for a busy table gives
    up after `MIGRATION_LOCK_TIMEOUT`; run it again.
    """
    own = make_url(service_url)
    engine = create_async_engine(make_url(owner_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            await connection.execute(text(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK_TIMEOUT}'"))
            await connection.run_sync(_prepare, service, own)
            await connection.run_sync(_upgrade, service, own.username or "", target)
    finally:
        await engine.dispose()


def _prepare(connection: Connection, service: str, own: URL) -> None:
    """The role can log in, owns nothing and finds its own schema first."""
    role, password, database = own.username, own.password or "", own.database
    assert role and database
    exists = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first()
    quoted = connection.execute(text("SELECT quote_literal(:password)"), {"password": password}).scalar_one()
    verb = "ALTER" if exists else "CREATE"
    connection.exec_driver_sql(f'{verb} ROLE "{role}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {quoted}')
    connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{service}"')
    connection.exec_driver_sql(f'GRANT CONNECT ON DATABASE "{database}" TO "{role}"')
    connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA "{service}" TO "{role}"')
    connection.exec_driver_sql(f'ALTER ROLE "{role}" IN DATABASE "{database}" SET search_path = "{service}"')


def _upgrade(connection: Connection, service: str, role: str, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("version_locations", str(_versions(service)))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, service=service, role=role)
    command.upgrade(config, target)


def _versions(service: str) -> Path:
    module = import_module(f"services.{service}.migrations")
    assert module.__file__
    return Path(module.__file__).parent / "versions"


def execute(sql: str) -> None:
    """Run one or more SQL statements of a revision, unparsed."""
    connection = op.get_bind()
    connection.exec_driver_sql("SELECT 1")  # opens SQLAlchemy's transaction, which the raw call below then joins
    raw = connection.connection.driver_connection
    assert raw is not None
    await_only(raw.execute(sql))


def grant(table: str, privileges: str) -> None:
    """Let the service's role do `privileges` (`"SELECT, INSERT"`) on a table, view or `SEQUENCE name`."""
    execute(f'GRANT {privileges} ON {table} TO "{current_role()}"')


def current_role() -> str:
    """The service's role that this run migrates for."""
    role = context.config.attributes["role"]
    assert isinstance(role, str)
    return role


def main(service: str, owner_url: str | None, service_url: str) -> None:
    """`python -m services.<name> migrate`."""
    if owner_url is None:
        sys.stderr.write("DATABASE_OWNER_URL: is not set. Migrations run as the schemas' owner.\n")
        raise SystemExit(78)
    migrate(service, owner_url=owner_url, service_url=service_url)
