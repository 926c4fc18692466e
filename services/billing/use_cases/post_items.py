"""Postings of paid calls: a batch of items is one transaction, decided in memory under its wallets' locks.

New ids are not looked up before they are inserted: the unique key undoes the batch that meets a known one, and only
then is every id looked up and the batch decided again. The same is done where a refused item may have been posted
before. An asker who does not know what became of a batch sends it again with the same ids.
"""

from collections.abc import Sequence
from datetime import datetime

from services.billing.domain.ledger.book import Decision
from services.billing.domain.ledger.decide import decide
from services.billing.domain.ledger.items import Item, Result, Verdict
from services.billing.store import ledger_batches
from services.billing.store.ledger_connection import IdTaken, Ledger, WalletsBusy, ledger_transaction
from shared.clock import Clock
from shared.db import Database
from shared.errors import DomainError

_ATTEMPTS = 3
_REFUSED_FOR_NOW = frozenset({Verdict.INSUFFICIENT_CREDITS, Verdict.ACCOUNT_FROZEN})


class _NeedsLookUps(Exception):
    """What the batch was decided on was too little; nothing was written."""


async def post_items(database: Database, clock: Clock, items: Sequence[Item]) -> Sequence[Result]:
    """Judge and post each item, in order. Durable when it returns; all or nothing when it raises: DomainError
    `service_unavailable` where a wallet's lock was not had in time."""
    try:
        return await _post(database, clock, items)
    except WalletsBusy as error:
        raise DomainError(
            "service_unavailable", "A wallet is busy; send the items again.", headers={"Retry-After": "1"}
        ) from error


async def _post(database: Database, clock: Clock, items: Sequence[Item]) -> Sequence[Result]:
    try:
        return await _post_unseen(database, clock, items)
    except (IdTaken, _NeedsLookUps):
        return await _post_looking_up(database, clock, items)


async def _post_unseen(database: Database, clock: Clock, items: Sequence[Item]) -> Sequence[Result]:
    """The fast path: nobody sent these ids before. Raises IdTaken or _NeedsLookUps, undone, where somebody did."""
    async with ledger_transaction(database) as ledger:
        book = await ledger_batches.lock_book(ledger, items, at=clock.now())
        decision = decide(book, items, now=clock.real_now())
        await _check_refused(ledger, items, decision)
        await ledger_batches.write(ledger, decision, at=clock.now())
    return decision.results


async def _check_refused(ledger: Ledger, items: Sequence[Item], decision: Decision) -> None:
    """An item refused for what the wallet has now may have been posted before: it must get that verdict again."""
    refused = [item for item, result in zip(items, decision.results, strict=True) if result.verdict in _REFUSED_FOR_NOW]
    if refused and await ledger_batches.any_is_known(ledger, refused):
        raise _NeedsLookUps


async def _post_looking_up(database: Database, clock: Clock, items: Sequence[Item]) -> Sequence[Result]:
    """The exact path. It is repeated where an id appeared between look-up and insert, which the wallet's lock leaves
    to accounts without a wallet alone."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return await _post_known(database, items, at=clock.now(), now=clock.real_now())
        except IdTaken:
            continue
    return await _post_known(database, items, at=clock.now(), now=clock.real_now())


async def _post_known(database: Database, items: Sequence[Item], *, at: datetime, now: datetime) -> Sequence[Result]:
    async with ledger_transaction(database) as ledger:
        book = await ledger_batches.lock_full_book(ledger, items, at=at)
        decision = decide(book, items, now=now)
        await ledger_batches.write(ledger, decision, at=at)
    return decision.results
