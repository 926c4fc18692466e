"""Takes what is left of lots that have expired (ADR 0016).

Credits that running calls hold expire when they are freed: until then the wallet stays due, and whoever locks it to
spend looks again. A state is brought up to the wallet's last position under the wallet's lock, the expiries of others
included, so no part of a lot expires twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.grants import Entry, Lot, State, burn, due_for_expiry, named_lots
from services.billing.domain.ledger.posting import Order, post
from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.ledger.wallet import Wallet
from services.billing.service import Billing
from services.billing.store import credit_grants, grant_states, transfers, wallets
from services.billing.store.credit_grants import Expiring
from services.billing.store.ledger_connection import Ledger, ledger_transaction
from shared.ids import new_uuid

EXPIRE_EVERY_SECONDS = 5.0
CATCH_UP_EVERY_SECONDS = 30.0
_WALLETS_AT_ONCE = 100
_ENTRIES_AT_ONCE = 5_000
_KEEP_AFTER = 500
_SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Standing:
    """An account's lots as of its wallet's last position; `read` entries were followed to get there."""

    state: State
    lots: Sequence[Lot]
    read: int


def expires_soon(wallet: Wallet, *, at: datetime) -> bool:
    """Whether credits of it expire within a minute, or may have: no fast path may spend of it."""
    return wallet.next_expiry_at is not None and wallet.next_expiry_at <= at + _SOON


def is_due(wallet: Wallet, *, at: datetime) -> bool:
    """Whether `expire_due` must be asked before anything is spent of it."""
    return wallet.next_expiry_at is not None and wallet.next_expiry_at <= at


async def expire_due(
    ledger: Ledger, locked: Mapping[str, Wallet], *, at: datetime, real_now: datetime
) -> dict[str, Wallet]:
    """The wallets after what was due of them by `at` (business time) has expired. They must be locked by this
    transaction, which writes the transfers and the wallets."""
    after = dict(locked)
    for wallet in locked.values():
        if is_due(wallet, at=at):
            after[wallet.account_id] = await _expire(ledger, wallet, at=at, real_now=real_now)
    return after


async def expire_idle(billing: Billing) -> bool:
    """Expire what is due of every wallet, in batches of a transaction each; wallets that others have locked are left
    to them. One pass is all there is to do."""
    at, last = billing.clock.now(), None
    while page := await _due_page(billing, at=at, after=last):
        last = page[-1]
        async with ledger_transaction(billing.database) as ledger:
            locked = await wallets.lock_free(ledger, [expiring.account_id for expiring in page])
            await expire_due(ledger, locked, at=at, real_now=billing.clock.real_now())
    return False


async def catch_up(billing: Billing) -> bool:
    """Bring states that are far behind forward by one page each, ahead of the wallet's lock; whether there may be
    more."""
    async with ledger_transaction(billing.database) as ledger:
        behind = await grant_states.far_behind(ledger, entries=_ENTRIES_AT_ONCE, limit=_WALLETS_AT_ONCE)
    for account_id, last_position in behind:
        async with ledger_transaction(billing.database) as ledger:
            standing = await _follow(ledger, account_id, await grant_states.load(ledger, account_id), last_position)
            await grant_states.keep(ledger, account_id, standing.state)
    return bool(behind)


async def _due_page(billing: Billing, *, at: datetime, after: Expiring | None) -> list[Expiring]:
    async with ledger_transaction(billing.database) as ledger:
        return await credit_grants.due(ledger, at=at, after=after, limit=_WALLETS_AT_ONCE)


async def _expire(ledger: Ledger, wallet: Wallet, *, at: datetime, real_now: datetime) -> Wallet:
    standing = await standing_of(ledger, wallet.account_id, wallet.last_position)
    holds = await grant_states.open_holds(ledger, wallet.account_id)
    due = due_for_expiry(standing.state, standing.lots, holds, at=at)
    after, posted = _posted(wallet, due, real_now=real_now)
    state = burn(standing.state, standing.lots, [_entry(transfer, at) for transfer in posted])
    if posted:
        await wallets.save(ledger, [after])
        await transfers.insert(ledger, posted, at=at)
    if posted or standing.read >= _KEEP_AFTER:
        await grant_states.keep(ledger, wallet.account_id, state)
    return await _look_again(ledger, after, _Standing(state, standing.lots, 0), at=at)


async def standing_of(ledger: Ledger, account_id: str, last_position: int) -> _Standing:
    """The lots after all of the account's entries up to a position, from the last stored state on; where that is
    further already, from the first entry."""
    stored = await grant_states.load(ledger, account_id)
    before = stored if stored.position <= last_position else State()
    standing = await _follow(ledger, account_id, before, last_position)
    while standing.state.position < last_position:
        standing = await _follow(ledger, account_id, standing.state, last_position)
    return replace(standing, read=standing.state.position - before.position)


async def _follow(ledger: Ledger, account_id: str, state: State, last_position: int) -> _Standing:
    """One page of entries further."""
    page = await grant_states.entries(
        ledger, account_id, after=state.position, up_to=last_position, limit=_ENTRIES_AT_ONCE
    )
    assert page or state.position >= last_position, "positions have no gap"
    lots = await credit_grants.lots(ledger, account_id, named_lots(state, page))
    return _Standing(burn(state, lots, page), lots, len(page))


def _posted(wallet: Wallet, due: Mapping[UUID, int], *, real_now: datetime) -> tuple[Wallet, list[Transfer]]:
    posted = []
    for lot_id, amount in due.items():
        order = Order(
            account_id=wallet.account_id,
            transfer_id=new_uuid(at=real_now),
            kind=Kind.EXPIRY,
            amount=amount,
            description="Credits expired",
            refers_to=lot_id,
        )
        wallet, transfer = post(order, wallet, now=real_now)
        posted.append(transfer)
    return wallet, posted


def _entry(transfer: Transfer, at: datetime) -> Entry:
    return Entry(transfer.position, transfer.id, transfer.kind, transfer.amount, at, at, lot_id=transfer.refers_to)


async def _look_again(ledger: Ledger, wallet: Wallet, standing: _Standing, *, at: datetime) -> Wallet:
    """Say when the wallet is due next: at once where running calls still hold expired credits."""
    held_back = [
        lot.expires_at
        for lot in standing.lots
        if lot.expires_at is not None and lot.has_expired(at) and lot.id in standing.state.left
    ]
    next_expiry_at = min(held_back, default=None) or await credit_grants.next_expiry_after(
        ledger, wallet.account_id, at
    )
    if next_expiry_at == wallet.next_expiry_at:
        return wallet
    await wallets.set_next_expiry(ledger, wallet.account_id, next_expiry_at)
    return replace(wallet, next_expiry_at=next_expiry_at)
