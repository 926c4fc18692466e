"""What is left of each lot that an account's credits came in, computed from its entries in their order (ADR 0016).

Lots are burnt by priority (promotional before paid), then the soonest to expire, then the oldest. A spend burns only
what had come before it and had not expired when it began; a capture began with its hold. What a reversal gives back
returns to the lots that its charge burnt, the last burnt first; where such a lot has expired since, and where credits
come back that no lot has room for, they stay as plain credits, which do not expire. Refunds and disputes take from
their own purchase's lot first. What nothing covered is debt, which the next credits pay.

Integer millicredits. Invariants: no lot is left with less than nothing or more than it brought; what is left of all
lots, less the debt, is the balance; nothing is left while there is debt. Going on from a stored `State` gives the same
as beginning anew.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from uuid import UUID

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.transfer import NEWEST_ID, OLDEST_ID

_NEVER = datetime.max.replace(tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REVERSIBLE_MS = (OLDEST_ID + NEWEST_ID) // timedelta(milliseconds=1)
"""So much older than the newest entry's id, no charge's id can be named any more."""
_PROMOTIONAL = 10


@dataclass(frozen=True, slots=True)
class Lot:
    """Credits that came in together; `id` is the transfer's that brought them."""

    id: UUID
    amount: int
    priority: int
    expires_at: datetime | None
    created_at: datetime

    @property
    def order(self) -> tuple[int, datetime, datetime, int]:
        return (self.priority, self.expires_at or _NEVER, self.created_at, self.id.int)

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at


PLAIN = Lot(UUID(int=0), 0, _PROMOTIONAL, None, _EPOCH)
"""Given back credits without a lot of their own: burnt after those that expire, before paid ones."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer as the lots see it. `began_at` (business time) is its own, of a capture its hold's; `lot_id` a
    refund's, dispute's or expiry's own lot; `charge_position` a reversal's charge."""

    position: int
    id: UUID
    kind: Kind
    amount: int
    at: datetime
    began_at: datetime
    lot_id: UUID | None = None
    charge_position: int | None = None


@dataclass(frozen=True, slots=True)
class Burnt:
    """What charges burnt: a run of them one lot alone (its part says 0), or a single one several, in this order.
    `newest_ms` is the latest time that their ids name."""

    first: int
    last: int
    newest_ms: int
    parts: tuple[tuple[UUID, int], ...]


@dataclass(frozen=True, slots=True)
class State:
    """The lots after an account's entry at `position`. `left` names lots with something left, `trail` what charges
    burnt that may still be given back, by position."""

    position: int = 0
    debt: int = 0
    left: Mapping[UUID, int] = field(default_factory=dict)
    trail: tuple[Burnt, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenHold:
    """What a running call may still burn, as of when it began (business time)."""

    amount: int
    began_at: datetime


def burn(state: State, lots: Iterable[Lot], entries: Iterable[Entry]) -> State:
    """The state after further entries, which follow each other without a gap. `lots` holds every lot that the state,
    or one of the entries, names."""
    table = _Table(state, lots)
    for entry in entries:
        table.follow(entry)
    return table.state()


def due_for_expiry(state: State, lots: Iterable[Lot], holds: Iterable[OpenHold], *, at: datetime) -> dict[UUID, int]:
    """What expires of each lot at `at`, without what running calls hold of it."""
    table = _Table(state, lots)
    for hold in sorted(holds, key=attrgetter("began_at")):
        table.take(hold.amount, began_at=hold.began_at)
    return {lot.id: table.left[lot.id] for lot in table.stock if lot.has_expired(at)}


def named_lots(state: State, entries: Iterable[Entry]) -> set[UUID]:
    """The lots that `burn` must be told of."""
    named = set(state.left) | {lot_id for burnt in state.trail for lot_id, _ in burnt.parts}
    for entry in entries:
        if entry.kind in (Kind.PURCHASE, Kind.GRANT):
            named.add(entry.id)
        if entry.lot_id is not None:
            named.add(entry.lot_id)
    return named - {PLAIN.id}


class _Table:
    """The lots while entries are followed. `stock` is every lot with something left, in burning order."""

    def __init__(self, state: State, lots: Iterable[Lot]) -> None:
        self.lots = {PLAIN.id: PLAIN} | {lot.id: lot for lot in lots}
        self.position = state.position
        self.debt = state.debt
        self.left = dict(state.left)
        self.trail = list(state.trail)
        self.stock = sorted((self.lots[lot_id] for lot_id in self.left), key=_ORDER)

    def state(self) -> State:
        return State(self.position, self.debt, self.left, tuple(self.trail))

    def follow(self, entry: Entry) -> None:
        assert entry.position == self.position + 1, "entries follow each other without a gap"
        self.position = entry.position
        match entry.kind:
            case Kind.CHARGE:
                self.remember(entry, self.take(entry.amount, began_at=entry.began_at))
            case Kind.REVERSAL:
                self.give_back(entry)
            case Kind.DEBIT | Kind.EXPIRY | Kind.BREAKAGE | Kind.REFUND | Kind.DISPUTE:
                self.take(entry.amount, began_at=entry.began_at, first=entry.lot_id)
            case Kind.PURCHASE | Kind.GRANT:
                self.put(entry.id, self.after_debt(entry.amount))
            case Kind.DISPUTE_WON | Kind.REFUND_UNDONE:
                self.put(entry.lot_id or PLAIN.id, self.after_debt(entry.amount))

    def take(self, amount: int, *, began_at: datetime, first: UUID | None = None) -> list[tuple[UUID, int]]:
        """Burn so much; the lots it came from, in order. Expired lots come last, and then debt: neither happens
        where the book kept its rules, but for refunds and disputes, which take whatever is there."""
        head = self.stock[0] if self.stock else None
        if not amount:
            return []
        if head and first is None and self.left[head.id] > amount and not head.has_expired(began_at):
            self.left[head.id] -= amount
            return [(head.id, amount)]
        parts = []
        for lot in self.in_order(began_at, first):
            part = min(self.left[lot.id], amount)
            if part:
                parts.append((lot.id, part))
                self.set_left(lot, self.left[lot.id] - part)
                amount -= part
        self.debt += amount
        return parts

    def in_order(self, began_at: datetime, first: UUID | None) -> list[Lot]:
        """False sorts before True, and the sort is stable."""
        return sorted(self.stock, key=lambda lot: (lot.id != first, lot.has_expired(began_at)))

    def put(self, lot_id: UUID, amount: int) -> None:
        """Add to a lot, never beyond what it brought; the rest is plain."""
        lot = self.lots[lot_id]
        had = self.left.get(lot_id, 0)
        fits = amount if lot is PLAIN else min(amount, lot.amount - had)
        self.set_left(lot, had + fits)
        if amount > fits:
            self.put(PLAIN.id, amount - fits)

    def after_debt(self, amount: int) -> int:
        paid = min(self.debt, amount)
        self.debt -= paid
        return amount - paid

    def set_left(self, lot: Lot, amount: int) -> None:
        had = self.left.pop(lot.id, 0)
        if amount:
            self.left[lot.id] = amount
        if amount and not had:
            insort(self.stock, lot, key=_ORDER)
        elif had and not amount:
            del self.stock[bisect_left(self.stock, lot.order, key=_ORDER)]

    def give_back(self, entry: Entry) -> None:
        amount = self.after_debt(entry.amount)
        for lot_id, burnt in reversed(self.burnt_by(entry)):
            part = min(amount, burnt)
            amount -= part
            self.put(PLAIN.id if self.lots[lot_id].has_expired(entry.at) else lot_id, part)
        self.put(PLAIN.id, amount)

    def burnt_by(self, reversal: Entry) -> Sequence[tuple[UUID, int]]:
        """What the reversal's charge burnt."""
        place = bisect_left(self.trail, reversal.charge_position or 0, key=attrgetter("last"))
        burnt = self.trail[place] if place < len(self.trail) else None
        if burnt is None or not burnt.first <= (reversal.charge_position or 0):
            return ()
        return [(lot_id, part or reversal.amount) for lot_id, part in burnt.parts]

    def remember(self, charge: Entry, parts: Sequence[tuple[UUID, int]]) -> None:
        """Add to the trail, and drop what can't be given back any more, judged by the ids' own times alone, so that
        it does not matter when a state was stored."""
        if not parts:
            return
        made = charge.id.int >> 80
        whole = len(parts) == 1 and parts[0][1] == charge.amount
        kept = ((parts[0][0], 0),) if whole else tuple(parts)
        last = self.trail[-1] if self.trail else None
        if whole and last and last.parts == kept:
            self.trail[-1] = Burnt(last.first, charge.position, max(last.newest_ms, made), kept)
        else:
            self.trail.append(Burnt(charge.position, charge.position, made, kept))
            self.trail = [burnt for burnt in self.trail if burnt.newest_ms >= made - _REVERSIBLE_MS]


_ORDER = attrgetter("order")
