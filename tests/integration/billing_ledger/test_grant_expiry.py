"""Credits that expire, on a real database: nothing is spent of them from their end on, whoever came first."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.grants import PLAIN, State, burn, named_lots
from services.billing.domain.ledger.items import Item, Result, Verdict
from services.billing.store import credit_grants, grant_states, transfers, wallets
from services.billing.store.ledger_connection import ledger_snapshot, ledger_transaction
from services.billing.use_cases import grant_expiry
from services.billing.use_cases.grant_expiry import catch_up, expire_due, expire_idle
from services.billing.use_cases.hold_sweep import sweep
from services.billing.use_cases.post_credit import post_debit, post_grant, post_purchase
from services.billing.use_cases.post_items import post_items
from services.billing.use_cases.verify_ledger import verify_ledger
from shared.clock import FixedClock, SystemClock
from shared.db import Database
from shared.ids import new_uuid
from tests.integration.billing_ledger.asking import capture, charge, hold, release, reverse
from tests.integration.billing_ledger.conftest import ReadWallet

HOUR = timedelta(hours=1)
Give = Callable[..., Awaitable[None]]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
def billing(billing_db: Database, clock: FixedClock) -> Any:
    return SimpleNamespace(database=billing_db, clock=clock)


@pytest.fixture
def give(billing_db: Database, clock: FixedClock, account_id: str) -> Give:
    """A promotional lot that expires, or a purchase that does not."""

    async def post(millicredits: int, *, expires_at: datetime | None = None, paid: str | None = None) -> None:
        now = clock.now()
        order: dict[str, Any] = {
            "account_id": account_id,
            "transfer_id": new_uuid(at=now),
            "millicredits": millicredits,
            "description": "Test",
            "at": now,
            "real_now": now,
        }
        async with billing_db.transaction() as connection:
            if paid is not None:
                await post_purchase(connection, reference=paid, **order)
            else:
                await post_grant(connection, expires_at=expires_at, **order)

    return post


async def post_one(billing: Any, item: Item) -> Result:
    return (await post_items(billing.database, billing.clock, [item]))[0]


async def expiries(database: Database, account_id: str) -> list[int]:
    async with ledger_transaction(database) as ledger:
        page = await transfers.page(ledger, account_id, before=None, limit=100)
    return [each.transfer.amount for each in page if each.transfer.kind is Kind.EXPIRY]


async def lots_left(database: Database, account_id: str) -> list[int]:
    """What is left of each lot, largest first, computed from every entry anew."""
    async with ledger_snapshot(database) as ledger:
        wallet = await wallets.read(ledger, account_id)
        entries = await grant_states.entries(ledger, account_id, after=0, up_to=wallet.last_position, limit=1_000)
        lots = await credit_grants.lots(ledger, account_id, named_lots(State(), entries))
        whole = burn(State(), lots, entries)
        on = await grant_expiry.standing_of(ledger, account_id, wallet.last_position)
    assert on.state == whole, "the stored state, gone on from, is what all entries make it"
    assert sum(whole.left.values()) - whole.debt == wallet.balance
    return sorted(whole.left.values(), reverse=True)


async def test_from_its_end_on_a_lot_can_not_be_spent_though_no_loop_ran(
    billing: Any, clock: FixedClock, give: Give, account_id: str, wallet_of: ReadWallet
) -> None:
    end = clock.now() + HOUR
    await give(600, expires_at=end)
    await give(1_000, paid="pay_1")
    clock.at = end - timedelta(microseconds=1)
    assert (await post_one(billing, charge(account_id, 100))).available == 1_500
    clock.at = end
    refused = await post_one(billing, charge(account_id, 1_001))
    assert (refused.verdict, refused.available) == (Verdict.INSUFFICIENT_CREDITS, 1_000)
    assert (await post_one(billing, charge(account_id, 1_000))).verdict is Verdict.POSTED
    assert await expiries(billing.database, account_id) == [500]
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.next_expiry_at) == (0, None)
    assert (await verify_ledger(billing.database)).balanced


async def test_a_debit_takes_nothing_that_has_expired(
    billing: Any, clock: FixedClock, give: Give, account_id: str, wallet_of: ReadWallet
) -> None:
    await give(600, expires_at=clock.now() + HOUR)
    await give(1_000, paid="pay_1")
    clock.advance(HOUR)
    async with billing.database.transaction() as connection:
        await post_debit(
            connection,
            account_id=account_id,
            transfer_id=new_uuid(at=clock.now()),
            millicredits=900,
            description="Test",
            at=clock.now(),
            real_now=clock.real_now(),
        )
    assert (await wallet_of(account_id)).balance == 100
    assert await lots_left(billing.database, account_id) == [100]


async def test_what_a_running_call_holds_outlives_the_end_until_it_is_freed(
    billing: Any, clock: FixedClock, give: Give, account_id: str, wallet_of: ReadWallet
) -> None:
    await give(600, expires_at=clock.now() + HOUR)
    await give(1_000, paid="pay_1")
    running = hold(account_id, 400)
    await post_one(billing, running)
    clock.advance(HOUR)
    await expire_idle(billing)
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.held) == (1_400, 400)
    assert (await post_one(billing, charge(account_id, 1_001))).verdict is Verdict.INSUFFICIENT_CREDITS
    assert (await post_one(billing, charge(account_id, 900))).available == 100
    assert await lots_left(billing.database, account_id) == [400, 100], "a late charge burns no held credits"
    assert (await post_one(billing, capture(running, 250))).charged == 250
    assert await lots_left(billing.database, account_id) == [150, 100]
    late = await post_one(billing, charge(account_id, 101))
    assert (late.verdict, late.available) == (Verdict.INSUFFICIENT_CREDITS, 100)
    await expire_idle(billing)
    assert await expiries(billing.database, account_id) == [150, 200]
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.next_expiry_at) == (100, None)
    assert (await verify_ledger(billing.database)).balanced


@pytest.mark.parametrize("ending", ["release", "lapse"])
async def test_a_freed_hold_gives_its_expired_credits_to_nobody(
    *, billing: Any, clock: FixedClock, give: Give, account_id: str, wallet_of: ReadWallet, ending: str
) -> None:
    await give(600, expires_at=clock.now() + HOUR)
    running = hold(account_id, 600, lasts_ms=60_000 if ending == "release" else 0)
    await post_one(billing, running)
    clock.advance(HOUR)
    await expire_idle(billing)
    assert (await wallet_of(account_id)).balance == 600
    if ending == "release":
        await post_one(billing, release(running))
    else:
        await sweep(billing)
    assert (await post_one(billing, charge(account_id, 1))).verdict is Verdict.INSUFFICIENT_CREDITS
    await expire_idle(billing)
    assert (await wallet_of(account_id)).balance == 0
    assert await expiries(billing.database, account_id) == [600]


async def test_what_is_given_back_after_the_end_stays(
    billing: Any, clock: FixedClock, give: Give, account_id: str, wallet_of: ReadWallet
) -> None:
    await give(600, expires_at=clock.now() + HOUR)
    failing = charge(account_id, 200)
    await post_one(billing, failing)
    clock.advance(HOUR)
    await post_one(billing, reverse(failing))
    await expire_idle(billing)
    assert (await wallet_of(account_id)).balance == 200
    assert await lots_left(billing.database, account_id) == [200]
    async with ledger_snapshot(billing.database) as ledger:
        standing = await grant_expiry.standing_of(ledger, account_id, (await wallet_of(account_id)).last_position)
    assert list(standing.state.left) == [PLAIN.id]


async def test_what_is_given_back_before_the_end_expires_with_its_lot_though_all_of_it_had_been_burnt(
    billing: Any, clock: FixedClock, give: Give, account_id: str, wallet_of: ReadWallet
) -> None:
    start = clock.now()
    await give(100, expires_at=start + HOUR)
    await give(600, expires_at=start + 2 * HOUR)
    failing = charge(account_id, 700)
    await post_one(billing, failing)
    clock.at = start + HOUR
    await expire_idle(billing)
    await post_one(billing, reverse(failing))
    assert (await wallet_of(account_id)).next_expiry_at == start + 2 * HOUR
    clock.at = start + 2 * HOUR
    await expire_idle(billing)
    assert await expiries(billing.database, account_id) == [600]
    assert (await wallet_of(account_id)).balance == 100, "of the lot that had ended, what came back is plain"


async def test_two_processes_and_a_flood_of_charges_expire_a_lot_once(
    billing: Any, clock: FixedClock, give: Give, account_id: str, wallet_of: ReadWallet
) -> None:
    await give(600, expires_at=clock.now() + HOUR)
    await give(1_000, paid="pay_1")
    clock.advance(HOUR)
    results = await asyncio.gather(
        *(expire_idle(billing) for _ in range(4)), *(post_one(billing, charge(account_id, 100)) for _ in range(12))
    )
    posted = [result for result in results if isinstance(result, Result) and result.verdict is Verdict.POSTED]
    await expire_idle(billing)
    assert len(posted) == 10
    assert await expiries(billing.database, account_id) == [600]
    assert (await wallet_of(account_id)).balance == 0
    assert (await verify_ledger(billing.database)).balanced


async def test_a_wallet_that_another_has_locked_is_left_to_it(
    billing: Any, clock: FixedClock, give: Give, account_id: str, wallet_of: ReadWallet
) -> None:
    await give(600, expires_at=clock.now() + HOUR)
    clock.advance(HOUR)
    async with ledger_transaction(billing.database) as ledger:
        locked = await wallets.lock(ledger, [account_id])
        await asyncio.wait_for(expire_idle(billing), 3)
        after = await expire_due(ledger, locked, at=clock.now(), real_now=clock.real_now())
        assert after[account_id].balance == 0
        again = await expire_due(ledger, after, at=clock.now(), real_now=clock.real_now())
        assert again == after
    assert await expiries(billing.database, account_id) == [600]


async def test_states_are_brought_forward_in_pages_ahead_of_the_end(
    billing: Any, clock: FixedClock, give: Give, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grant_expiry, "_ENTRIES_AT_ONCE", 10)
    await give(600, expires_at=clock.now() + HOUR)
    await post_items(billing.database, clock, [charge(account_id, 10) for _ in range(35)])

    async def stored() -> int:
        async with ledger_transaction(billing.database) as ledger:
            return (await grant_states.load(ledger, account_id)).position

    positions = []
    while await catch_up(billing):
        positions.append(await stored())
    assert positions == [10, 20, 30]
    assert await lots_left(billing.database, account_id) == [250]
    clock.advance(HOUR)
    await expire_idle(billing)
    assert await expiries(billing.database, account_id) == [250]
