"""How much happens at once: what the counters of payments mean, and the same figures from a whole history.

**Entities.** A payment is counted for its account, card, address, device and mailbox, as far as they are known. The
live counters are in Redis (`store/velocity.py`); `reading_of` and `history_of` compute from a list of all that was
counted what they have to say, and tests hold the two together.

**Windows.** Time is cut into buckets of whole seconds since 1970, UTC: a minute is 12 of 5 s, an hour 12 of 5 min, a
day 24 of 1 h, the bucket of `now` among them, so that a window is up to one bucket shorter than its name. A payment
counts in the bucket of its own instant, however late it arrives; one that claims to come from later counts now.

**Once.** A payment counts once, however often it is told; so does its failure, in windows of its own. Different values
are counted by HyperLogLog: within 2%, and of a few hardly ever one too few.

**Days.** For the model, account and terminal (the device, else the address) have the last `HISTORY_DAYS` days:
payments, cents and known frauds of each, without the payment that is asked about.

Amounts are US cents.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from services.fraud.domain.model_features import HISTORY_DAYS, SECONDS_PER_DAY, Day, DayBuckets
from shared.ids import milliseconds

Kind = Literal["account", "card", "ip", "device", "mailbox"]
KINDS: tuple[Kind, ...] = ("account", "card", "ip", "device", "mailbox")


class Window(NamedTuple):
    """So many buckets, so many seconds each."""

    name: str
    bucket_seconds: int
    buckets: int

    def covers(self, instant_ms: int, now_ms: int) -> bool:
        """Whether an instant's bucket is one of the window's that ends with the bucket of `now`."""
        bucket, last = (ms // (1_000 * self.bucket_seconds) for ms in (instant_ms, now_ms))
        return last - self.buckets < bucket <= last


MINUTE = Window("minute", 5, 12)
HOUR = Window("hour", 300, 12)
DAY = Window("day", 3_600, 24)
WINDOWS = (MINUTE, HOUR, DAY)

DISTINCT: Mapping[Kind, tuple[Kind, ...]] = {
    "account": ("card", "ip", "device"),
    "card": ("account",),
    "ip": ("account", "card"),
    "device": ("account",),
    "mailbox": ("account",),
}
"""Of what the day's different values are counted, by entity: the order is the script's too."""


def _figures(kind: Kind) -> tuple[str, ...]:
    return (
        *(f"{kind}_payments_{window.name}" for window in WINDOWS),
        *(f"{kind}_failed_{window.name}" for window in WINDOWS),
        f"{kind}_amount_day",
        *(f"{kind}_{other}s_day" for other in DISTINCT[kind]),
    )


FIGURES: Mapping[Kind, tuple[str, ...]] = {kind: _figures(kind) for kind in KINDS}
"""The names of an entity's figures, in the order in which the script says them."""

VelocityReading = Mapping[str, int]
"""Every name of `FIGURES`; 0 where the entity is not known."""

NOTHING_READ: VelocityReading = {name: 0 for names in FIGURES.values() for name in names}


class Entity(NamedTuple):
    """Something that pays, by an opaque id or a digest."""

    kind: Kind
    value: str


@dataclass(frozen=True, slots=True)
class VelocityEvent:
    """A payment as it is counted, or its failure: then `at` is when it failed. `ip` and `mailbox` are digests, `card`
    is Stripe's fingerprint; None where it is not known."""

    payment_id: str
    at: datetime
    amount_usd_minor: int
    account: str
    card: str | None = None
    ip: str | None = None
    device: str | None = None
    mailbox: str | None = None

    def values(self) -> dict[Kind, str | None]:
        """Who of each kind paid, in the order of `KINDS`."""
        return {
            "account": self.account,
            "card": self.card,
            "ip": self.ip,
            "device": self.device,
            "mailbox": self.mailbox,
        }

    def value(self, kind: Kind) -> str | None:
        """Who of this kind paid."""
        return self.values()[kind]

    def entities(self) -> tuple[Entity, ...]:
        """All that are known, in the order of `KINDS`."""
        return tuple(Entity(kind, value) for kind, value in self.values().items() if value is not None)

    def terminal(self) -> Entity | None:
        """Where it was paid: the device, else the address."""
        if self.device is not None:
            return Entity("device", self.device)
        return None if self.ip is None else Entity("ip", self.ip)


class HistoryReading(NamedTuple):
    """The days before a payment, of its account and of its terminal (empty where that is not known)."""

    account: DayBuckets
    terminal: DayBuckets


@dataclass(frozen=True, slots=True)
class Counted:
    """An event that was counted: as a payment or as a failure, and the time it was then."""

    event: VelocityEvent
    now: datetime
    what: Literal["payment", "failure"] = "payment"

    @property
    def instant_ms(self) -> int:
        """Where it counts: at its own instant, never later than now."""
        return min(milliseconds(self.event.at), milliseconds(self.now))


@dataclass(frozen=True, slots=True)
class Labeled:
    """What somebody found out about a payment; the last word holds."""

    event: VelocityEvent
    is_fraud: bool


def reading_of(counted: Iterable[Counted], event: VelocityEvent, *, now: datetime) -> dict[str, int]:
    """What the counters of an event's entities have to say at `now`, where all of `counted` was counted before.

    Exact, and slow: the counters' definition. `now` is not before any of theirs.
    """
    once = {(each.what, each.event.payment_id): each for each in reversed(tuple(counted))}.values()
    reading = dict(NOTHING_READ)
    for entity in event.entities():
        its = [each for each in once if each.event.value(entity.kind) == entity.value]
        reading.update(zip(FIGURES[entity.kind], _figures_of(its, entity.kind, milliseconds(now)), strict=True))
    return reading


def _figures_of(its: Sequence[Counted], kind: Kind, now_ms: int) -> Iterator[int]:
    payments = [each for each in its if each.what == "payment"]
    failures = [each for each in its if each.what == "failure"]
    for window in WINDOWS:
        yield len(_within(payments, window, now_ms))
    for window in WINDOWS:
        yield len(_within(failures, window, now_ms))
    of_day = _within(payments, DAY, now_ms)
    yield sum(each.event.amount_usd_minor for each in of_day)
    for other in DISTINCT[kind]:
        yield len({each.event.value(other) for each in of_day} - {None})


def _within(its: Iterable[Counted], window: Window, now_ms: int) -> list[Counted]:
    return [each for each in its if window.covers(each.instant_ms, now_ms)]


def history_of(
    counted: Iterable[Counted], labels: Iterable[Labeled], event: VelocityEvent, *, now: datetime
) -> HistoryReading:
    """The days of an event's account and terminal, where all of `counted` was counted and all of `labels` learned.
    Failures don't count, nor does the event's own payment; of a label neither."""
    payments = {
        each.event.payment_id: each
        for each in reversed(tuple(counted))
        if each.what == "payment" and each.event.payment_id != event.payment_id
    }
    frauds = _frauds(labels) - {event.payment_id}
    terminal = event.terminal()
    return HistoryReading(
        _days([one for one in payments.values() if one.event.account == event.account], frauds, now),
        _days([one for one in payments.values() if terminal and one.event.terminal() == terminal], frauds, now),
    )


def _frauds(labels: Iterable[Labeled]) -> set[str]:
    last = {each.event.payment_id: each.is_fraud for each in labels}
    return {payment_id for payment_id, is_fraud in last.items() if is_fraud}


def _days(payments: Iterable[Counted], frauds: set[str], now: datetime) -> dict[int, Day]:
    today = milliseconds(now) // 1_000 // SECONDS_PER_DAY
    days: dict[int, Day] = {}
    for each in payments:
        day = each.instant_ms // 1_000 // SECONDS_PER_DAY
        if today - HISTORY_DAYS < day <= today:
            its = days.get(day, Day(0, 0))
            fraud = its.frauds + (each.event.payment_id in frauds)
            days[day] = Day(its.payments + 1, its.cents + each.event.amount_usd_minor, fraud)
    return days
