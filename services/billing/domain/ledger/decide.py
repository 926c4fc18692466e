"""The pure decider of a batch: wallets, what is known of the items' ids, and the items in order of arrival, to verdicts
and everything that must be written.

Deciding a batch whole, split anywhere, or item by item gives the same verdicts, balances and transfers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.billing.domain.chart_of_accounts import Kind, direction
from services.billing.domain.ledger.book import Book, Decision, HoldRow, Key, Reversal, UsageChange
from services.billing.domain.ledger.items import (
    Call,
    Capture,
    Charge,
    Hold,
    Item,
    Outcome,
    Release,
    Result,
    Reverse,
    Verdict,
)
from services.billing.domain.ledger.transfer import Transfer, id_is_refused
from services.billing.domain.ledger.wallet import FrozenReason, Wallet, settled


def decide(book: Book, items: Iterable[Item], *, now: datetime) -> Decision:
    """Judge each item alone, in order. `now` is real time: it judges only the ids' own times."""
    desk = _Desk(book, now)
    results = [desk.judge(item) for item in items]
    return Decision(
        results=results,
        wallets=[desk.wallets[account_id] for account_id in sorted(desk.touched)],
        transfers=desk.written,
        reversals=desk.given_back,
        opened_holds=[desk.holds[key] for key in desk.opened],
        closed_holds=[desk.holds[key] for key in desk.closed],
        usage=list(desk.usage.values()),
    )


@dataclass(slots=True)
class _Desk:
    """The book as it becomes while one batch is decided. Lives for one call of `decide`."""

    book: Book
    now: datetime
    wallets: dict[str, Wallet] = field(default_factory=dict)
    transfers: dict[Key, Transfer] = field(default_factory=dict)
    reversals: dict[Key, Reversal] = field(default_factory=dict)
    holds: dict[Key, HoldRow] = field(default_factory=dict)
    usage: dict[Key, UsageChange] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    written: list[Transfer] = field(default_factory=list)
    given_back: list[Reversal] = field(default_factory=list)
    opened: dict[Key, None] = field(default_factory=dict)
    closed: dict[Key, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wallets = dict(self.book.wallets)
        self.transfers = dict(self.book.transfers)
        self.reversals = dict(self.book.reversals)
        self.holds = dict(self.book.holds)

    def judge(self, item: Item) -> Result:
        if any(id_is_refused(named, self.now) for named in _ids_of(item)):
            return self.answer(item, Verdict.ID_REFUSED)
        match item:
            case Charge():
                return self.charge(item)
            case Reverse():
                return self.reverse(item)
            case Hold():
                return self.hold(item)
            case Capture():
                return self.capture(item)
            case Release():
                return self.release(item)

    def charge(self, item: Charge) -> Result:
        known = self.transfers.get((item.account_id, item.id))
        if known is not None:
            return self.charge_again(item, known)
        refusal = self.refusal(item, needed=item.amount)
        if refusal is not None:
            return refusal
        self.post(item.account_id, item.id, Kind.CHARGE, item.amount, _call_text(item.call), call=item.call)
        self.use(item.account_id, item.call, credits=item.amount)
        return self.answer(item, Verdict.POSTED, charged=item.amount)

    def charge_again(self, item: Charge, known: Transfer) -> Result:
        if known.kind is Kind.VOID or (item.account_id, item.id) in self.reversals:
            return self.answer(item, Verdict.REVERSED)
        same = (Kind.CHARGE, item.amount, item.call.request_id, None)
        if (known.kind, known.amount, known.request_id, known.refers_to) != same:
            return self.answer(item, Verdict.ID_CONFLICT)
        return self.answer(item, Verdict.POSTED, charged=known.amount)

    def reverse(self, item: Reverse) -> Result:
        key = (item.account_id, item.charge_id)
        done = self.reversals.get(key)
        if done is not None:
            same = done.reversal_id == item.id
            return self.answer(item, Verdict.POSTED if same else Verdict.REVERSED)
        if (item.account_id, item.id) in self.transfers or item.id == item.charge_id:
            return self.answer(item, Verdict.ID_CONFLICT)
        charge = self.transfers.get(key)
        if charge is None:
            self.void(item)
            return self.answer(item, Verdict.POSTED)
        if charge.kind is not Kind.CHARGE:
            return self.answer(item, Verdict.ID_CONFLICT)
        self.give_back(item, charge)
        return self.answer(item, Verdict.POSTED)

    def void(self, item: Reverse) -> None:
        """Take the charge's own id, so that it meets this whenever it arrives."""
        text = "Reversed before it arrived"
        self.post(item.account_id, item.charge_id, Kind.VOID, 0, text, refers_to=item.id)
        self.mark_reversed(item, amount=0)

    def give_back(self, item: Reverse, charge: Transfer) -> None:
        text = f"Given back: {charge.description}"
        movement = self.post(item.account_id, item.id, Kind.REVERSAL, charge.amount, text, refers_to=charge.id)
        self.written[-1] = replace(movement, request_id=charge.request_id)
        self.transfers[(item.account_id, item.id)] = self.written[-1]
        self.mark_reversed(item, amount=charge.amount)
        if charge.request_id is not None:
            self.change_usage(item.account_id, charge.request_id, credits=-charge.amount, outcome=item.outcome)

    def mark_reversed(self, item: Reverse, *, amount: int) -> None:
        reversal = Reversal(item.account_id, item.charge_id, item.id, amount)
        self.reversals[(item.account_id, item.charge_id)] = reversal
        self.given_back.append(reversal)

    def hold(self, item: Hold) -> Result:
        known = self.holds.get((item.account_id, item.id))
        if known is not None:
            return self.hold_again(item, known)
        refusal = self.refusal(item, needed=max(item.at_least, 0))
        if refusal is not None:
            return refusal
        wallet = self.wallets[item.account_id]
        amount = min(item.amount, wallet.available)
        self.open_hold(item, amount)
        return self.answer(item, Verdict.POSTED, held=amount)

    def open_hold(self, item: Hold, amount: int) -> None:
        key = (item.account_id, item.id)
        self.holds[key] = HoldRow(
            account_id=item.account_id,
            id=item.id,
            amount=amount,
            asked=item.amount,
            state="open",
            expires_in_ms=item.expires_in_ms,
            call=item.call,
        )
        self.opened[key] = None
        self.move(item.account_id, held=amount)

    def hold_again(self, item: Hold, known: HoldRow) -> Result:
        if known.call is None or known.state in ("released", "expired") or _has_lapsed(known):
            return self.answer(item, Verdict.HOLD_LAPSED)
        if (known.asked, known.call.request_id) != (item.amount, item.call.request_id):
            return self.answer(item, Verdict.ID_CONFLICT)
        return self.answer(item, Verdict.POSTED, held=known.amount)

    def capture(self, item: Capture) -> Result:
        known = self.holds.get((item.account_id, item.hold_id))
        if known is None:
            return self.answer(item, Verdict.NOT_FOUND)
        if known.state == "captured":
            return self.capture_again(item, known)
        if known.state != "open" or _has_lapsed(known):
            return self.answer(item, Verdict.HOLD_LAPSED)
        if (item.account_id, item.id) in self.transfers:
            return self.answer(item, Verdict.ID_CONFLICT)
        charged = self.settle(item, known)
        return self.answer(item, Verdict.POSTED, charged=charged)

    def settle(self, item: Capture, known: HoldRow) -> int:
        """Close the hold and charge what it covers, in one movement: were the hold freed first, an overdrawn wallet
        would seem covered between the two. What a refund took meanwhile is written off: a capture spends, so it takes
        no wallet under zero."""
        wallet = self.wallets[item.account_id]
        charged = min(item.amount, known.amount, max(wallet.balance, 0))
        self.write_closed(
            replace(known, state="captured", capture_id=item.id, capture_asked=item.amount, captured=charged)
        )
        self.move(item.account_id, balance=-charged, held=-known.amount, positions=1 if charged else 0)
        if charged:
            self.write(
                item.account_id,
                item.id,
                Kind.CHARGE,
                charged,
                _call_text(item.call),
                call=item.call,
                refers_to=item.hold_id,
            )
        self.use(item.account_id, item.call, credits=charged, held=known.amount)
        return charged

    def capture_again(self, item: Capture, known: HoldRow) -> Result:
        if (known.capture_id, known.capture_asked) != (item.id, item.amount):
            return self.answer(item, Verdict.ID_CONFLICT)
        return self.answer(item, Verdict.POSTED, charged=known.captured)

    def release(self, item: Release) -> Result:
        known = self.holds.get((item.account_id, item.hold_id))
        if known is None:
            self.mark_released(item)
        elif known.state == "captured":
            return self.answer(item, Verdict.ID_CONFLICT)
        elif known.state == "open":
            self.write_closed(replace(known, state="released"))
            self.move(item.account_id, held=-known.amount)
            assert known.call is not None
            call = replace(known.call, tokens=0, units=0, outcome=item.outcome)
            self.use(item.account_id, call, credits=0, held=known.amount)
        return self.answer(item, Verdict.POSTED)

    def mark_released(self, item: Release) -> None:
        key = (item.account_id, item.hold_id)
        self.holds[key] = HoldRow(item.account_id, item.hold_id, amount=0, asked=0, state="released")
        self.opened[key] = None

    def write_closed(self, closed: HoldRow) -> None:
        key = (closed.account_id, closed.id)
        self.holds[key] = closed
        if key not in self.opened:
            self.closed[key] = None

    def refusal(self, item: Charge | Hold, *, needed: int) -> Result | None:
        wallet = self.wallets.get(item.account_id)
        reason = wallet.frozen_reason if wallet is not None else None
        if reason is not None:
            return self.answer(item, Verdict.ACCOUNT_FROZEN, reason=reason)
        if wallet is None or wallet.available < needed:
            return self.answer(item, Verdict.INSUFFICIENT_CREDITS)
        return None

    def post(
        self,
        account_id: str,
        transfer_id: UUID,
        kind: Kind,
        amount: int,
        description: str,
        *,
        call: Call | None = None,
        refers_to: UUID | None = None,
    ) -> Transfer:
        """Move the wallet's balance and write the transfer that says so."""
        self.move(account_id, balance=direction(kind) * amount, positions=abs(direction(kind)))
        return self.write(account_id, transfer_id, kind, amount, description, call=call, refers_to=refers_to)

    def write(
        self,
        account_id: str,
        transfer_id: UUID,
        kind: Kind,
        amount: int,
        description: str,
        *,
        call: Call | None = None,
        refers_to: UUID | None = None,
    ) -> Transfer:
        """Write the transfer of a movement that the wallet has just made."""
        wallet = self.wallets[account_id]
        transfer = Transfer(
            account_id=account_id,
            id=transfer_id,
            kind=kind,
            amount=amount,
            balance_after=wallet.balance,
            position=wallet.last_position,
            description=description,
            refers_to=refers_to,
            request_id=call.request_id if call is not None else None,
        )
        self.transfers[(account_id, transfer_id)] = transfer
        self.written.append(transfer)
        return transfer

    def move(self, account_id: str, *, balance: int = 0, held: int = 0, positions: int = 0) -> None:
        wallet = self.wallets[account_id]
        self.wallets[account_id] = settled(
            wallet,
            balance=wallet.balance + balance,
            held=wallet.held + held,
            last_position=wallet.last_position + positions,
        )
        self.touched.add(account_id)

    def use(self, account_id: str, call: Call, *, credits: int, held: int = 0) -> None:
        """Write the call's usage record, or add to what this batch already writes of it."""
        before = self.usage.get((account_id, call.request_id))
        self.usage[(account_id, call.request_id)] = UsageChange(
            account_id=account_id,
            request_id=call.request_id,
            call=call,
            credits=credits + (before.credits if before else 0),
            held=held + (before.held if before else 0),
            outcome=before.outcome if before and call.outcome == "unknown" else call.outcome,
        )

    def change_usage(self, account_id: str, request_id: UUID, *, credits: int, outcome: Outcome) -> None:
        before = self.usage.get((account_id, request_id))
        if before is None:
            change = UsageChange(account_id, request_id, None, credits, 0, outcome)
        else:
            change = replace(before, credits=before.credits + credits, outcome=outcome)
        self.usage[(account_id, request_id)] = change

    def answer(
        self,
        item: Item,
        verdict: Verdict,
        *,
        charged: int = 0,
        held: int = 0,
        reason: FrozenReason | None = None,
    ) -> Result:
        wallet = self.wallets.get(item.account_id) or Wallet(item.account_id)
        return Result(verdict, charged, held, wallet.available, wallet.balance, reason)


def _ids_of(item: Item) -> tuple[UUID, ...]:
    """Every id whose month must be there for the item to be judged and written."""
    match item:
        case Charge() | Hold():
            return (item.id, item.call.request_id)
        case Reverse():
            return (item.id, item.charge_id)
        case Capture():
            return (item.id, item.hold_id, item.call.request_id)
        case Release():
            return (item.hold_id,)


def _has_lapsed(hold: HoldRow) -> bool:
    """Past its expiry by the database's clock, whether or not the sweep has been here."""
    return hold.state == "open" and hold.lapsed


def _call_text(call: Call) -> str:
    return f"Call of {call.route}"
