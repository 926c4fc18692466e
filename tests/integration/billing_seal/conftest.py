"""A ledger on a real database, its sealer, and the hand of the database's owner, who may change what we may not."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from services.billing.domain.ledger.items import Item, Result
from services.billing.domain.seal.checkpoint import Signer
from services.billing.use_cases.post_items import post_items
from services.billing.use_cases.sealing import Sealer
from shared.clock import FixedClock, SystemClock
from shared.db import Database
from tests.integration.billing_ledger.conftest import CLOCK, Fund, account_id, fund
from tests.support.databases import TestDatabase

__all__ = ["Fund", "account_id", "fund"]


@pytest.fixture
def billing(billing_db: Database, settings_for: Callable[..., Any]) -> Any:
    """What sealing needs of billing. Checkpoints are due every second."""
    settings = settings_for("billing", seal_checkpoint_seconds=1)
    return SimpleNamespace(database=billing_db, clock=SystemClock(), settings=settings)


@pytest.fixture
def later(billing: Any) -> Callable[..., Any]:
    """Billing some seconds later, by its real time."""

    def moved(seconds: float) -> Any:
        at = billing.clock.real_now() + timedelta(seconds=seconds)
        return SimpleNamespace(**{**vars(billing), "clock": FixedClock(at)})

    return moved


@pytest.fixture
def signer(billing: Any) -> Signer:
    made: Signer = billing.settings.seal_signer
    return made


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[Any]:
    """A connection as the owner of the schema, whom no grant holds back."""
    connection = await asyncpg.connect(database.owner_url, server_settings={"search_path": "billing"})
    yield connection
    await connection.close()


async def post(database: Database, *batch: Item) -> Sequence[Result]:
    return await post_items(database, CLOCK, batch)


async def seal_all(billing: Any) -> None:
    sealer = Sealer(billing)
    while await sealer.seal():
        pass
