"""Proving the money book: that every posting sums to zero in each currency, and what waits for its other side."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.books.reports import AccountBalance, TrialBalance
from services.billing.domain.chart_of_accounts import Nature

MOST_DIFFERENCES = 100
_WAITING = frozenset({"receivables"})
"""Beside the clearing accounts proper. Exchanged currencies wait for nothing."""


@dataclass(frozen=True, slots=True)
class PostingSum:
    """What the lines of one posting sum to in one currency."""

    kind: MoneyKind
    reference: str
    currency: str
    micros: int


@dataclass(frozen=True, slots=True)
class MoneyProof:
    """The outcome. `sums` are the whole book's, by currency; `waiting` is what credits and money have on one side only:
    nothing is wrong with it while events are under way. At most `MOST_DIFFERENCES` postings are listed."""

    unbalanced: tuple[PostingSum, ...] = ()
    sums: tuple[tuple[str, int], ...] = ()
    waiting: tuple[AccountBalance, ...] = ()
    checked: int = 0

    @property
    def balanced(self) -> bool:
        return not self.unbalanced and not any(micros for _, micros in self.sums)

    def sum_in(self, currency: str) -> int:
        return dict(self.sums).get(currency, 0)


@dataclass(slots=True)
class MoneyAuditor:
    """Lives for one pass over the sums of all postings."""

    checked: int = 0
    _sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _unbalanced: list[PostingSum] = field(default_factory=list)

    def check(self, sums: Iterable[PostingSum]) -> None:
        for each in sums:
            self.checked += 1
            self._sums[each.currency] += each.micros
            if each.micros and len(self._unbalanced) < MOST_DIFFERENCES:
                self._unbalanced.append(each)

    def proof(self, trial_balance: TrialBalance) -> MoneyProof:
        waiting = tuple(each for each in trial_balance.accounts if each.balance and _waits(each))
        return MoneyProof(tuple(self._unbalanced), tuple(sorted(self._sums.items())), waiting, self.checked)


def _waits(each: AccountBalance) -> bool:
    if each.ledger_account == "currency_exchange":
        return False
    return each.nature is Nature.CLEARING or each.ledger_account in _WAITING
