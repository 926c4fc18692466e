"""A ledger on a real database, as billing's role, and short ways to ask it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from services.billing.domain.ledger.wallet import Wallet
from services.billing.store import wallets
from services.billing.store.ledger_connection import ledger_transaction
from services.billing.use_cases.post_credit import PostedCredit, post_purchase
from services.billing.use_cases.posting.poster import Poster
from shared.clock import SystemClock
from shared.db import Database
from shared.ids import new_id, new_uuid

CLOCK = SystemClock()
Fund = Callable[..., Awaitable[PostedCredit]]
ReadWallet = Callable[[str], Awaitable[Wallet]]


@pytest.fixture
def service(billing_db: Database) -> Any:
    """What loops need of billing: its database and clock."""
    return SimpleNamespace(database=billing_db, clock=CLOCK)


@pytest.fixture
async def poster(billing_db: Database) -> AsyncIterator[Poster]:
    opened = Poster(billing_db, CLOCK)
    yield opened
    await opened.close()


@pytest.fixture
def account_id() -> str:
    return new_id("acct", at=CLOCK.now())


@pytest.fixture
def fund(billing_db: Database) -> Fund:
    """Credits of a payment, in millicredits."""

    async def post(account_id: str, millicredits: int) -> PostedCredit:
        async with billing_db.transaction() as connection:
            return await post_purchase(
                connection,
                account_id=account_id,
                transfer_id=new_uuid(at=CLOCK.real_now()),
                millicredits=millicredits,
                reference=new_id("pay", at=CLOCK.now()),
                description="Credits",
                at=CLOCK.now(),
                real_now=CLOCK.real_now(),
            )

    return post


@pytest.fixture
def wallet_of(billing_db: Database) -> ReadWallet:
    async def read(account_id: str) -> Wallet:
        async with ledger_transaction(billing_db) as ledger:
            return await wallets.read(ledger, account_id)

    return read
