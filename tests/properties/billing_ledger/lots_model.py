"""An account that keeps the book's rules, driven by random steps, and the entries that it leaves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from services.billing.domain.chart_of_accounts import Kind, direction
from services.billing.domain.ledger.grants import Entry, Lot, OpenHold, State, burn, due_for_expiry
from shared.ids import new_uuid

START = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

Step = tuple[str, int, int]
"""What happens, how much of it, and to which of those there are."""

_SPENDING = ["wait", "purchase", "grant", "charge", "charge", "reverse", "hold", "hold", "capture", "release", "debit"]


def _scripts(names: list[str]) -> st.SearchStrategy[list[Step]]:
    """Small spends, so that lots are burnt bit by bit and several are there at once."""
    spend = st.tuples(st.sampled_from(names), st.integers(0, 12), st.integers(0, 5))
    bring = st.tuples(st.sampled_from(["purchase", "grant"]), st.integers(10, 40), st.integers(0, 5))
    return st.lists(spend | bring, min_size=12, max_size=60)


steps = _scripts(_SPENDING)
steps_with_refunds = _scripts([*_SPENDING, "refund", "refund", "won"])


@dataclass
class Account:
    """Every entry's lots are followed as it is posted; `late_spends` are charges that burnt an expired lot."""

    at: datetime = START
    balance: int = 0
    state: State = field(default_factory=State)
    lots: dict[UUID, Lot] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    holds: list[OpenHold] = field(default_factory=list)
    charges: list[Entry] = field(default_factory=list)
    disputes: list[Entry] = field(default_factory=list)
    late_spends: list[Entry] = field(default_factory=list)

    @property
    def available(self) -> int:
        return self.balance - sum(hold.amount for hold in self.holds)

    def run(self, script: list[Step]) -> "Account":
        for name, amount, which in script:
            self.expire()
            getattr(self, name)(amount, which)
        return self

    def expire(self) -> None:
        for lot_id, amount in due_for_expiry(self.state, self.lots.values(), self.holds, at=self.at).items():
            self.post(Kind.EXPIRY, amount, lot_id=lot_id)

    def wait(self, amount: int, _which: int) -> None:
        self.at += amount * HOUR

    def purchase(self, amount: int, _which: int) -> None:
        self.bring(Kind.PURCHASE, amount, Lot(self.fresh(), amount, 20, None, self.at))

    def grant(self, amount: int, which: int) -> None:
        expires_at = self.at + (which + 1) * 5 * HOUR if which < 5 else None
        self.bring(Kind.GRANT, amount, Lot(self.fresh(), amount, 10, expires_at, self.at))

    def bring(self, kind: Kind, amount: int, lot: Lot) -> None:
        if amount:
            self.lots[lot.id] = lot
            self.post(kind, amount, entry_id=lot.id)

    def charge(self, amount: int, _which: int) -> None:
        if self.balance >= 0 and amount <= self.available:
            self.charges.append(self.post(Kind.CHARGE, amount))

    def reverse(self, _amount: int, which: int) -> None:
        if self.charges:
            charge = self.charges.pop(-1 - which % len(self.charges))
            self.post(Kind.REVERSAL, charge.amount, charge_position=charge.position)

    def hold(self, amount: int, _which: int) -> None:
        if self.balance >= 0 and 0 < amount <= self.available:
            self.holds.append(OpenHold(amount, self.at))

    def capture(self, amount: int, which: int) -> None:
        if self.holds:
            hold = self.holds.pop(which % len(self.holds))
            charged = min(amount, hold.amount, max(self.balance, 0))
            if charged:
                self.charges.append(self.post(Kind.CHARGE, charged, began_at=hold.began_at))

    def release(self, _amount: int, which: int) -> None:
        if self.holds:
            self.holds.pop(which % len(self.holds))

    def debit(self, amount: int, _which: int) -> None:
        if 0 < amount <= self.available:
            self.post(Kind.DEBIT, amount)

    def refund(self, amount: int, which: int) -> None:
        bought = [lot for lot in self.lots.values() if lot.priority == 20]
        if amount and bought:
            own = bought[which % len(bought)].id if which else None
            kind = Kind.DISPUTE if amount % 2 else Kind.REFUND
            taken = self.post(kind, amount, lot_id=own)
            if kind is Kind.DISPUTE:
                self.disputes.append(taken)

    def won(self, _amount: int, _which: int) -> None:
        if self.disputes:
            taken = self.disputes.pop()
            self.post(Kind.DISPUTE_WON, taken.amount, lot_id=taken.lot_id)

    def post(
        self,
        kind: Kind,
        amount: int,
        *,
        entry_id: UUID | None = None,
        began_at: datetime | None = None,
        lot_id: UUID | None = None,
        charge_position: int | None = None,
    ) -> Entry:
        number = len(self.entries) + 1
        began = began_at or self.at
        entry = Entry(number, entry_id or self.fresh(), kind, amount, self.at, began, lot_id, charge_position)
        before = self.state
        self.entries.append(entry)
        self.balance += direction(kind) * amount
        self.state = burn(before, self.lots.values(), [entry])
        if kind is Kind.CHARGE and self.expired_left(before, began) != self.expired_left(self.state, began):
            self.late_spends.append(entry)
        return entry

    def expired_left(self, state: State, at: datetime) -> int:
        return sum(
            left for lot_id, left in state.left.items() if lot_id in self.lots and self.lots[lot_id].has_expired(at)
        )

    def fresh(self) -> UUID:
        return new_uuid(at=self.at, entropy=(len(self.entries) + 1).to_bytes(10, "big"))
