"""The book as it becomes while one batch is decided. Mutable, and lives for one call of `decide`.

Everything that an item does is made of these: a purse's movement, a transfer of what it moved, a hold's row, a change
of a call's usage record, an answer. Hot: slots, and no value is copied that is not kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.book import Book, Decision, HoldRow, Key, Reversal, UsageChange
from services.billing.domain.ledger.items import Call, Outcome, Result, Verdict
from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.ledger.wallet import FrozenReason, Wallet, settled


class Purse:
    """A wallet while it is moved."""

    __slots__ = ("balance", "frozen_reason", "held", "last_position", "wallet")

    def __init__(self, wallet: Wallet) -> None:
        self.wallet = wallet
        self.balance = wallet.balance
        self.held = wallet.held
        self.last_position = wallet.last_position
        self.frozen_reason: FrozenReason | None = wallet.frozen_reason

    @property
    def available(self) -> int:
        return self.balance - self.held

    def move(self, *, balance: int = 0, held: int = 0, positions: int = 0) -> None:
        """Any frozen reason ends or begins with the balance's sign, unless it is a dispute's."""
        self.balance += balance
        self.held += held
        self.last_position += positions
        if self.frozen_reason != "dispute":
            self.frozen_reason = "negative_balance" if self.balance < 0 else None

    def settled(self) -> Wallet:
        return settled(self.wallet, balance=self.balance, held=self.held, last_position=self.last_position)


class Desk:
    """What is known, what changes, and what must be written."""

    __slots__ = (
        "closed",
        "given_back",
        "holds",
        "opened",
        "progressed",
        "purses",
        "reversals",
        "touched",
        "transfers",
        "usage",
        "written",
    )

    def __init__(self, book: Book) -> None:
        self.purses = {account_id: Purse(wallet) for account_id, wallet in book.wallets.items()}
        self.transfers = dict(book.transfers)
        self.reversals = dict(book.reversals)
        self.holds = dict(book.holds)
        self.usage: dict[Key, UsageChange] = {}
        self.touched: set[str] = set()
        self.written: list[Transfer] = []
        self.given_back: list[Reversal] = []
        self.opened: dict[Key, None] = {}
        self.closed: dict[Key, None] = {}
        self.progressed: dict[Key, None] = {}

    def decision(self, results: Sequence[Result]) -> Decision:
        return Decision(
            results=results,
            wallets=[self.purses[account_id].settled() for account_id in sorted(self.touched)],
            transfers=self.written,
            reversals=self.given_back,
            opened_holds=[self.holds[key] for key in self.opened],
            closed_holds=[self.holds[key] for key in self.closed],
            progressed_holds=[self.holds[key] for key in self.progressed],
            usage=list(self.usage.values()),
        )

    def answer(
        self,
        account_id: str,
        verdict: Verdict,
        *,
        charged: int = 0,
        held: int = 0,
        reason: FrozenReason | None = None,
    ) -> Result:
        purse = self.purses.get(account_id)
        if purse is None:
            return Result(verdict, charged, held, 0, 0, reason)
        return Result(verdict, charged, held, purse.balance - purse.held, purse.balance, reason)

    def refusal(self, account_id: str, *, needed: int) -> Result | None:
        """Why the account may not spend so much now, if so."""
        purse = self.purses.get(account_id)
        if purse is None:
            return self.answer(account_id, Verdict.INSUFFICIENT_CREDITS)
        if purse.frozen_reason is not None:
            return self.answer(account_id, Verdict.ACCOUNT_FROZEN, reason=purse.frozen_reason)
        if purse.available < needed:
            return self.answer(account_id, Verdict.INSUFFICIENT_CREDITS)
        return None

    def move(self, account_id: str, *, balance: int = 0, held: int = 0, positions: int = 0) -> Purse:
        purse = self.purses[account_id]
        purse.move(balance=balance, held=held, positions=positions)
        self.touched.add(account_id)
        return purse

    def write(
        self,
        account_id: str,
        transfer_id: UUID,
        kind: Kind,
        amount: int,
        description: str,
        *,
        request_id: UUID | None = None,
        refers_to: UUID | None = None,
    ) -> None:
        """Write the transfer of a movement that the purse has just made."""
        purse = self.purses[account_id]
        transfer = Transfer(
            account_id,
            transfer_id,
            kind,
            amount,
            purse.balance,
            purse.last_position,
            description,
            refers_to,
            request_id,
        )
        self.transfers[account_id, transfer_id] = transfer
        self.written.append(transfer)

    def write_hold(self, row: HoldRow) -> None:
        """A hold that is new in this batch is inserted as it is at its end; a known one is changed."""
        key = (row.account_id, row.id)
        self.holds[key] = row
        if key in self.opened:
            return
        if row.state == "open":
            self.progressed[key] = None
        else:
            self.progressed.pop(key, None)
            self.closed[key] = None

    def use(self, account_id: str, call: Call, *, credits: int, held: int = 0) -> None:
        """Write the call's usage record, or add to what this batch already writes of it."""
        key = (account_id, call.request_id)
        before = self.usage.get(key)
        if before is None:
            self.usage[key] = UsageChange(account_id, call.request_id, call, credits, held, call.outcome)
            return
        outcome = before.outcome if call.outcome == "unknown" else call.outcome
        self.usage[key] = UsageChange(
            account_id, call.request_id, call, credits + before.credits, held + before.held, outcome
        )

    def change_usage(self, account_id: str, request_id: UUID, *, credits: int, outcome: Outcome) -> None:
        before = self.usage.get((account_id, request_id))
        if before is None:
            change = UsageChange(account_id, request_id, None, credits, 0, outcome)
        else:
            change = replace(before, credits=before.credits + credits, outcome=outcome)
        self.usage[account_id, request_id] = change
