"""The exact way to post: a batch of items is one transaction, decided in memory under its wallets' locks. It takes
whatever comes; what is plain and frequent goes by `posting.swift`.

New ids are not looked up before they are inserted: the unique key undoes the batch that meets a known one, and only
then is every id looked up and the batch decided again. The same is done where a refused item may have been posted
before. An asker who does not know what became of a batch sends it again with the same ids.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.billing.domain.ledger.book import Book, Decision
from services.billing.domain.ledger.decide import decide
from services.billing.domain.ledger.items import Charge, Hold, Item, Result, Verdict
from services.billing.store import ledger_batches
from services.billing.store.ledger_connection import IdTaken, Ledger, WalletsBusy, ledger_transaction
from services.billing.use_cases.grant_expiry import expire_due
from shared.clock import Clock
from shared.db import Database
from shared.errors import DomainError

_ATTEMPTS = 3
_SHARED_LOCK_MS = 300
"""How long a batch of several accounts waits for one of them, and so makes the others wait."""
_OWN_LOCK_MS = 1_000
"""With the wait above within the two seconds that the gateway gives one request."""
_APART_AT_ONCE = 4
_REFUSED_FOR_NOW = frozenset({Verdict.INSUFFICIENT_CREDITS, Verdict.ACCOUNT_FROZEN})


@dataclass(frozen=True, slots=True)
class _Books:
    """Where to post, and how long to wait for a wallet."""

    database: Database
    clock: Clock
    lock_ms: int


class _NeedsLookUps(Exception):
    """What the batch was decided on was too little; nothing was written."""


async def post_items(database: Database, clock: Clock, items: Sequence[Item]) -> Sequence[Result]:
    """Judge and post each item, in order; durable when it returns. Where a wallet is locked by somebody else for long,
    the other accounts' items are posted without it, and its charges and holds answered `busy`. DomainError
    `service_unavailable` where such a wallet's item may not be given up: the same items can be sent again."""
    outcomes = await post_each(database, clock, items)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Result)]


async def post_each(database: Database, clock: Clock, items: Sequence[Item]) -> Sequence[Result | BaseException]:
    """As `post_items`, with each account's own failure in the places of its items."""
    by_account = _by_account(items)
    if len(by_account) > 1:
        try:
            return await _post(_Books(database, clock, _SHARED_LOCK_MS), items)
        except WalletsBusy:
            pass
    return await _post_apart(database, clock, items, by_account)


def _by_account(items: Sequence[Item]) -> dict[str, list[int]]:
    """The places of each account's items, in order."""
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(item.account_id, []).append(place)
    return places


async def _post_apart(
    database: Database, clock: Clock, items: Sequence[Item], by_account: Mapping[str, Sequence[int]]
) -> Sequence[Result | BaseException]:
    """Each account's items in a transaction of its own: accounts share no verdict, so nothing else changes."""
    room = asyncio.Semaphore(_APART_AT_ONCE)

    async def post_one(places: Sequence[int]) -> Sequence[Result]:
        async with room:
            return await _post_patiently(database, clock, [items[place] for place in places])

    groups = list(by_account.values())
    answers = await asyncio.gather(*(post_one(places) for places in groups), return_exceptions=True)
    by_place: dict[int, Result | BaseException] = {}
    for places, results in zip(groups, answers, strict=True):
        failed = isinstance(results, BaseException)
        by_place.update(dict.fromkeys(places, results) if failed else zip(places, results, strict=True))  # type: ignore[arg-type]
    return [by_place[place] for place in range(len(items))]


async def _post_patiently(database: Database, clock: Clock, items: Sequence[Item]) -> Sequence[Result]:
    """One account's items, waiting longer for its wallet."""
    try:
        return await _post(_Books(database, clock, _OWN_LOCK_MS), items)
    except WalletsBusy as error:
        if all(isinstance(item, Charge | Hold) for item in items):
            return [Result(Verdict.BUSY, charged=0, held=0, available=0, balance=0)] * len(items)
        raise DomainError(
            "service_unavailable", "A wallet is busy; send the items again.", headers={"Retry-After": "1"}
        ) from error


async def _post(books: _Books, items: Sequence[Item]) -> Sequence[Result]:
    try:
        return await _post_unseen(books, items)
    except (IdTaken, _NeedsLookUps):
        return await _post_looking_up(books, items)


async def _post_unseen(books: _Books, items: Sequence[Item]) -> Sequence[Result]:
    """The fast path: nobody sent these ids before. Raises IdTaken or _NeedsLookUps, undone, where somebody did."""
    async with ledger_transaction(books.database, lock_ms=books.lock_ms) as ledger:
        at = books.clock.now()
        book = await _expire(ledger, await ledger_batches.lock_book(ledger, items, at=at), books.clock)
        decision = decide(book, items, now=books.clock.real_now())
        await _check_refused(ledger, items, decision)
        await ledger_batches.write(ledger, decision, at=at)
    return decision.results


async def _expire(ledger: Ledger, book: Book, clock: Clock) -> Book:
    """What is due of the locked wallets expires before anything is decided."""
    return replace(book, wallets=await expire_due(ledger, book.wallets, at=clock.now(), real_now=clock.real_now()))


async def _check_refused(ledger: Ledger, items: Sequence[Item], decision: Decision) -> None:
    """An item refused for what the wallet has now may have been posted before: it must get that verdict again."""
    refused = [item for item, result in zip(items, decision.results, strict=True) if result.verdict in _REFUSED_FOR_NOW]
    if refused and await ledger_batches.any_is_known(ledger, refused):
        raise _NeedsLookUps


async def _post_looking_up(books: _Books, items: Sequence[Item]) -> Sequence[Result]:
    """The exact path. It is repeated where an id appeared between look-up and insert, which the wallet's lock leaves
    to accounts without a wallet alone."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return await _post_known(books, items)
        except IdTaken:
            continue
    return await _post_known(books, items)


async def _post_known(books: _Books, items: Sequence[Item]) -> Sequence[Result]:
    async with ledger_transaction(books.database, lock_ms=books.lock_ms) as ledger:
        at = books.clock.now()
        book = await _expire(ledger, await ledger_batches.lock_full_book(ledger, items, at=at), books.clock)
        decision = decide(book, items, now=books.clock.real_now())
        await ledger_batches.write(ledger, decision, at=at)
    return decision.results
