"""A batch's reads and writes: what its items name, and its decision, by arrays."""

from collections.abc import Sequence
from datetime import datetime

from services.billing.domain.ledger.book import Book, Decision, Key
from services.billing.domain.ledger.items import Capture, Charge, Hold, Item, Progress, Release, Reverse
from services.billing.store import holds, transfers, usage_records, wallets
from services.billing.store.ledger_connection import Ledger


async def lock_book(ledger: Ledger, items: Sequence[Item], *, at: datetime) -> Book:
    """Lock the items' wallets and read what can't be decided without: named charges, reversals and holds.
    Ids of new charges and holds are not looked up."""
    without_funds = [item.account_id for item in items if _is_written_without_funds(item)]
    if without_funds:
        await wallets.open_missing(ledger, without_funds, at=at)
    locked = await wallets.lock(ledger, [item.account_id for item in items])
    charges = {(item.account_id, item.charge_id) for item in items if isinstance(item, Reverse)}
    held = {(item.account_id, item.hold_id) for item in items if isinstance(item, Capture | Progress | Release)}
    return Book(
        wallets=locked,
        transfers=await transfers.find(ledger, charges),
        reversals=await transfers.find_reversals(ledger, charges),
        holds=await holds.find(ledger, held),
    )


async def lock_full_book(ledger: Ledger, items: Sequence[Item], *, at: datetime) -> Book:
    """As `lock_book`, with every id that the items name looked up."""
    book = await lock_book(ledger, items, at=at)
    return Book(
        wallets=book.wallets,
        transfers=await transfers.find(ledger, _transfer_ids(items)),
        reversals=await transfers.find_reversals(ledger, _charge_ids(items)),
        holds=await holds.find(ledger, _hold_ids(items)),
    )


async def any_is_known(ledger: Ledger, items: Sequence[Item]) -> bool:
    """Whether one of these new charges or holds was there before."""
    return bool(
        await transfers.find(ledger, {(item.account_id, item.id) for item in items if isinstance(item, Charge)})
        or await holds.find(ledger, {(item.account_id, item.id) for item in items if isinstance(item, Hold)})
    )


async def write(ledger: Ledger, decision: Decision, *, at: datetime) -> None:
    """Everything that the decision says, in one statement for each table that it touches."""
    await wallets.save(ledger, decision.wallets)
    await transfers.insert(ledger, decision.transfers, at=at)
    await transfers.insert_reversals(ledger, decision.reversals)
    await holds.insert(ledger, decision.opened_holds, at=at)
    await holds.close(ledger, decision.closed_holds)
    await holds.tell_progress(ledger, decision.progressed_holds)
    await usage_records.save(ledger, decision.usage, at=at)


def _is_written_without_funds(item: Item) -> bool:
    """Whether the item may write a transfer of an account that never had credits: the mark of a reversal, and the
    charge of a free call."""
    return isinstance(item, Reverse) or (isinstance(item, Charge) and item.amount == 0)


def _transfer_ids(items: Sequence[Item]) -> set[Key]:
    named = {(item.account_id, item.id) for item in items if isinstance(item, Charge | Reverse | Capture)}
    return named | {(item.account_id, item.charge_id) for item in items if isinstance(item, Reverse)}


def _charge_ids(items: Sequence[Item]) -> set[Key]:
    named = {(item.account_id, item.id) for item in items if isinstance(item, Charge)}
    return named | {(item.account_id, item.charge_id) for item in items if isinstance(item, Reverse)}


def _hold_ids(items: Sequence[Item]) -> set[Key]:
    named = {(item.account_id, item.id) for item in items if isinstance(item, Hold)}
    return named | {(item.account_id, item.hold_id) for item in items if isinstance(item, Capture | Progress | Release)}
