"""Plain charges and holds as the rows of one statement, and their verdicts from what it answers.

An item is plain where nothing but the wallet's balance can decide about it: a charge, or a hold, whose ids are of now.
A statement that moved a wallet covered all that the batch asked of it, so each of its items was covered in its turn.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from services.billing.domain.ledger.items import Call, Charge, Hold, Item, Progress, Result, Verdict
from services.billing.domain.ledger.transfer import IdSpan
from services.billing.use_cases.posting.asks import Ask, Groups

_POSTED = Verdict.POSTED
_OF_A_HOLD = 7
"""How many of a call's columns a hold has: outcome and flag come with its end."""


def is_plain(asks: Sequence[Ask], span: IdSpan) -> bool:
    """Whether the whole of an account's items may go the swift way. Progress is told by a statement of its own, which
    comes after: beside what moves the wallet it would not be answered at its place."""
    kinds = {isinstance(ask.item, Progress) for ask in asks}
    return len(kinds) == 1 and all(_is_plain(ask.item, span) for ask in asks)


def is_spending(asks: Sequence[Ask]) -> bool:
    """Whether an account's plain items are charges and holds."""
    return not isinstance(asks[0].item, Progress)


def _is_plain(item: Item, span: IdSpan) -> bool:
    if isinstance(item, Charge):
        return span.takes(item.id) and span.takes(item.call.request_id)
    if isinstance(item, Hold):
        return item.at_least <= item.amount and span.takes(item.id) and span.takes(item.call.request_id)
    return isinstance(item, Progress) and span.takes(item.hold_id)


class SwiftBatch:
    """Rows for the statement, in the order of the accounts' ids, in which every batch locks its wallets. `place` of a
    wallet counts from 1; `through` and `number` of a charge are the sum and the count of its account's charges up to
    it."""

    __slots__ = ("_progress", "charges", "groups", "holds", "telling", "wallets")

    def __init__(self, groups: Groups) -> None:
        self.groups: list[Sequence[Ask]] = []
        self.telling: list[Ask] = []
        self.wallets: list[tuple[str, int, int, int]] = []
        self.charges: list[tuple[Any, ...]] = []
        self.holds: list[tuple[Any, ...]] = []
        self._progress: list[tuple[Any, ...]] = []
        for account_id, asks in sorted(groups.items()):
            self._add(account_id, asks)

    @property
    def progress(self) -> Sequence[Sequence[Any]]:
        return list(zip(*self._progress, strict=True))

    def settle(self, rows: Iterable[Any]) -> None:
        """Answer the accounts that were moved. Nothing was done about the others."""
        for place, balance, held in rows:
            _, spend, hold, _ = self.wallets[place - 1]
            _settle(self.groups[place - 1], balance + spend, held - hold)

    def settle_progress(self, rows: Iterable[Any]) -> None:
        """Answer what was told. Nothing was done about the others, whose holds are not open or were told of twice."""
        for place, balance, held in rows:
            self.telling[place - 1].settle(Result(_POSTED, 0, 0, balance - held, balance))

    def _add(self, account_id: str, asks: Sequence[Ask]) -> None:
        place, spend, hold, number = len(self.groups) + 1, 0, 0, 0
        posted = []
        for ask in asks:
            item = ask.item
            call = item.call  # type: ignore[union-attr]
            if isinstance(item, Charge):
                spend += item.amount
                number += 1
                self.charges.append((place, number, item.id, item.amount, spend, *_columns_of(call)))
                posted.append(ask)
            elif isinstance(item, Hold):
                hold += item.amount
                columns = _columns_of(call)[:_OF_A_HOLD]
                self.holds.append((place, item.id, item.amount, item.expires_in_ms, *columns))
                posted.append(ask)
            elif isinstance(item, Progress):
                self._progress.append((account_id, item.hold_id, item.amount, call.calls, call.tokens, call.units))
                self.telling.append(ask)
        if posted:
            self.groups.append(posted)
            self.wallets.append((account_id, spend, hold, number))


def _columns_of(call: Call) -> tuple[Any, ...]:
    return (
        call.request_id, call.route, call.key_id, call.price_version, call.calls, call.tokens, call.units, call.outcome,
        call.flagged,
    )  # fmt: skip


def _settle(asks: Sequence[Ask], balance: int, held: int) -> None:
    """Each item's verdict at its place, from the wallet as it was before the first."""
    for ask in asks:
        item = ask.item
        if isinstance(item, Charge):
            balance -= item.amount
            ask.request.settle(ask.place, Result(_POSTED, item.amount, 0, balance - held, balance))
        elif isinstance(item, Hold):
            held += item.amount
            ask.request.settle(ask.place, Result(_POSTED, 0, item.amount, balance - held, balance))
