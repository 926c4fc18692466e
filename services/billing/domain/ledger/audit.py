"""Proving the book: every wallet recomputed from its transfers, in one pass, with a bounded memory.

Feed the transfers account by account in the order of their positions, then close with the wallets. What does not hold
becomes a difference; the trial balance is the kept balances against the system's accounts, which only entries have.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.ledger.wallet import Wallet

MOST_DIFFERENCES = 100

What = Literal["balance", "balance_after", "position", "held", "open_disputes", "overspent", "wallet_missing"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not hold. `recorded` is what the book says, `recomputed` what it should say."""

    account_id: str
    what: What
    recorded: int
    recomputed: int
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome. At most `MOST_DIFFERENCES` are listed."""

    differences: tuple[Difference, ...]
    trial_balance: int
    wallets: int
    transfers: int

    @property
    def balanced(self) -> bool:
        return not self.differences and self.trial_balance == 0


@dataclass(slots=True)
class Auditor:
    """Lives for one pass over one snapshot of the book: each account's transfers, then its wallet, accounts in
    order."""

    open_holds: Mapping[str, int]
    open_disputes: Mapping[str, int]
    differences: list[Difference] = field(default_factory=list)
    kept: int = 0
    system: int = 0
    wallets: int = 0
    transfers: int = 0
    _account_id: str = ""
    _sum: int = 0
    _balance_after: int = 0
    _position: int = 0

    def check_transfers(self, page: Iterable[Transfer]) -> Iterator[Wallet]:
        """Follow one page of transfers. Yields each account that ended before the page did, as its transfers make
        it; `held` and flags are not known from transfers."""
        for transfer in page:
            if transfer.account_id != self._account_id:
                yield from self.end_account()
                self._account_id = transfer.account_id
            self._follow(transfer)

    def end_account(self) -> Iterator[Wallet]:
        """The account that was followed last, if any; the next one starts from nothing."""
        if self._account_id:
            yield Wallet(self._account_id, balance=self._sum, last_position=self._position)
        self._account_id, self._sum, self._balance_after, self._position = "", 0, 0, 0

    def check_wallet(self, kept: Wallet | None, recomputed: Wallet) -> None:
        """Compare a kept wallet (None: there is none) with what its transfers, holds and disputes make it."""
        account_id = recomputed.account_id
        if kept is None:
            self._differ(Difference(account_id, "wallet_missing", 0, recomputed.balance))
            return
        self.wallets += 1
        self.kept += kept.balance
        pairs: tuple[tuple[What, int, int], ...] = (
            ("balance", kept.balance, recomputed.balance),
            ("position", kept.last_position, recomputed.last_position),
            ("held", kept.held, self.open_holds.get(account_id, 0)),
            ("open_disputes", kept.open_disputes, self.open_disputes.get(account_id, 0)),
        )
        for what, recorded, should_be in pairs:
            if recorded != should_be:
                self._differ(Difference(account_id, what, recorded, should_be))
        if kept.available < 0 and not kept.overdrawn:
            self._differ(Difference(account_id, "overspent", kept.available, 0))

    def proof(self) -> Proof:
        return Proof(tuple(self.differences), self.kept + self.system, self.wallets, self.transfers)

    def _follow(self, transfer: Transfer) -> None:
        """After a difference it goes on from what is recorded, so that one fault is told once."""
        self.transfers += 1
        self.system -= transfer.signed
        self._sum += transfer.signed
        self._compare(transfer, "balance_after", transfer.balance_after, self._balance_after + transfer.signed)
        self._compare(transfer, "position", transfer.position, self._position + 1)
        self._balance_after, self._position = transfer.balance_after, transfer.position

    def _compare(self, transfer: Transfer, what: What, recorded: int, should_be: int) -> None:
        if recorded != should_be:
            self._differ(Difference(transfer.account_id, what, recorded, should_be, transfer))

    def _differ(self, difference: Difference) -> None:
        if len(self.differences) < MOST_DIFFERENCES:
            self.differences.append(difference)
