"""The pure decider of a batch: wallets, what is known of the items' ids, and the items in order of arrival, to verdicts
and everything that must be written.

Deciding a batch whole, split anywhere, or item by item gives the same verdicts, balances and transfers.

desk      the book as it becomes while one batch is decided, and the movements that every item is made of
charges   charges and what gives them back
holds     holds, what their calls have cost so far, and how they end
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.billing.domain.ledger.book import Book, Decision
from services.billing.domain.ledger.decide.charges import charge, reverse
from services.billing.domain.ledger.decide.desk import Desk
from services.billing.domain.ledger.decide.holds import capture, hold, progress, release
from services.billing.domain.ledger.items import (
    Capture,
    Charge,
    Hold,
    Item,
    Progress,
    Release,
    Result,
    Reverse,
    Verdict,
    ids_of,
)
from services.billing.domain.ledger.transfer import IdSpan
from services.billing.domain.ledger.wallet import Wallet

_JUDGES: Mapping[type[Any], Callable[[Desk, Any], Result]] = {
    Charge: charge,
    Reverse: reverse,
    Hold: hold,
    Capture: capture,
    Release: release,
    Progress: progress,
}


def decide(book: Book, items: Iterable[Item], *, now: datetime) -> Decision:
    """Judge each item alone, in order. `now` is real time: it judges only the ids' own times."""
    desk, span = Desk(book), IdSpan(now)
    results = [_judge(desk, item, span) for item in items]
    return desk.decision(results)


def refused_in_all(wallet: Wallet, items: Iterable[Item], *, now: datetime) -> Sequence[Result] | None:
    """The verdicts on charges and holds of one account whose ids nobody knows, where each is a refusal; else None."""
    results = decide(Book({wallet.account_id: wallet}), items, now=now).results
    return None if any(result.verdict is Verdict.POSTED for result in results) else results


def _judge(desk: Desk, item: Item, span: IdSpan) -> Result:
    for named in ids_of(item):
        if not span.takes(named):
            return desk.answer(item.account_id, Verdict.ID_REFUSED)
    return _JUDGES[type(item)](desk, item)
