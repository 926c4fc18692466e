"""One process of licensing for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.licensing_world import SettingsFor, World, licensing_world


@pytest.fixture
async def world(settings_for: SettingsFor) -> AsyncIterator[World]:
    settings = settings_for("licensing", validations_per_minute_key=1_000, validations_per_minute_address=1_000)
    async with licensing_world(settings) as made:
        yield made
