"""The stand-in on a real port."""

from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.local.demo_upstream.app import create_app
from tests.support.http import running


@pytest.fixture
async def upstream() -> AsyncIterator[str]:
    async with running(create_app()) as url:
        yield url


@pytest.fixture
async def http(upstream: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=upstream, trust_env=False) as client:
        yield client
