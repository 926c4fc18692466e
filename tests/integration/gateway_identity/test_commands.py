"""The commands that make an installation's first operator."""

import asyncio
import os
import sys
from typing import Any

import pytest

from tests.integration.gateway_identity.conftest import PASSWORD, World
from tests.support import keys
from tests.support.databases import TestDatabase


@pytest.fixture
def environment(database: TestDatabase, redis_url: str) -> dict[str, str]:
    said: dict[str, Any] = {
        **keys.environment("gateway"),
        "database_url": database.url_of("gateway"),
        "redis_url": redis_url,
        "environment": "test",
        "operator_password": PASSWORD,
        "operator_email": "seeded@example.com",
    }
    return {"PATH": os.environ["PATH"], **{name.upper(): value for name, value in said.items()}}


async def run(environment: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.gateway", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()


async def signs_in_as(world: World, email: str) -> str:
    signed_in = await world.http.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert signed_in.status_code == 200, signed_in.text
    return str(signed_in.json()["account"]["role"])


async def test_operator_is_made_by_the_command_line(world: World, environment: dict[str, str]) -> None:
    status, output = await run(environment, "create-operator", "--email", "chief@example.com")
    assert status == 0, output
    assert "is an operator" in output and PASSWORD not in output
    assert await signs_in_as(world, "chief@example.com") == "operator"
    refused, output = await run(environment, "create-operator", "--email", "no address")
    assert refused == 64 and "must be an address" in output


@pytest.mark.long
async def test_seed_makes_the_operator_however_often(world: World, environment: dict[str, str]) -> None:
    for _ in range(2):
        status, output = await run(environment, "seed")
        assert status == 0, output
        assert PASSWORD not in output
    assert await signs_in_as(world, "seeded@example.com") == "operator"


async def test_bad_setting_is_named_with_its_mend(environment: dict[str, str]) -> None:
    status, output = await run({**environment, "TRUSTED_PROXIES": "10.0.0.300"}, "seed")
    assert status == 78 and output.startswith("TRUSTED_PROXIES:")
