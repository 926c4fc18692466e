"""The image's `migrate`, from secret files to four schemas, over a real PostgreSQL."""

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.docker.entrypoint import SERVICES, migrate_all
from deploy.docker.make_secrets import DATABASE as ROLE_PREFIX
from deploy.docker.make_secrets import make_secrets
from tests.conftest import Servers

DATABASE = "in_containers"
IN_PRODUCTION = {"ENVIRONMENT": "production", "STRIPE_SECRET_KEY": "sk_live_0", "STRIPE_WEBHOOK_SECRET": "whsec_0"}


def point_at(folder: Path, servers: Servers, owner_url: str) -> None:
    """The secrets name the compose file's hosts; here the servers are elsewhere."""
    address = urlsplit(servers.postgres.owner_url).netloc.rpartition("@")[2]
    for service in SERVICES:
        file = folder / service / "DATABASE_URL"
        file.chmod(0o600)
        file.write_text(file.read_text().replace(f"postgres:5432/{ROLE_PREFIX}", f"{address}/{DATABASE}"))
    owner = folder / "migrate/DATABASE_OWNER_URL"
    owner.chmod(0o600)
    owner.write_text(owner_url)


@pytest.mark.long
async def test_every_schema_is_made_and_a_second_run_changes_nothing(servers: Servers, tmp_path: Path) -> None:
    server = await asyncpg.connect(servers.postgres.owner_url)
    await server.execute(f'CREATE DATABASE "{DATABASE}"')
    try:
        owner_url = urlsplit(servers.postgres.owner_url)._replace(path=f"/{DATABASE}").geturl()
        make_secrets(tmp_path)
        point_at(tmp_path, servers, owner_url)
        variables = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **IN_PRODUCTION}
        for _ in range(2):
            await asyncio.to_thread(migrate_all, tmp_path, variables)
        for service in SERVICES:
            connection = await asyncpg.connect((tmp_path / service / "DATABASE_URL").read_text())
            try:
                assert await connection.fetchval("SELECT current_schema()") == service
                assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
            finally:
                await connection.close()
    finally:
        await server.execute(f'DROP DATABASE "{DATABASE}" WITH (FORCE)')
        for service in SERVICES:
            await server.execute(f'DROP ROLE IF EXISTS "{ROLE_PREFIX}_{service}"')
        await server.close()
