"""What subscriptions bring by the month (L12), and by what policy they are counted.

Counted are those that are active, and those whose payment is late while the grace lasts; with what they pay for a
period, net of discounts: one that is discounted to nothing with nothing. Not counted: trials, and ended ones until
their first payment; paused and suspended ones, and what was never paid or is over. Who has canceled at the period's end
counts until then. A year's price is a twelfth by the month, a week's 52 twelfths, a day's 365 twelfths. Micros are
millionths of a currency's major unit; each subscription's are rounded down, and so is their sum, to the minor unit. The
yearly figure is twelve times the monthly one. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.billing.domain.books.posting import micros_of, micros_of_minor
from services.billing.domain.subscriptions.plan import Interval
from services.billing.domain.subscriptions.subscription import Standing, Status
from shared.money import Money

MONTHS_A_YEAR = 12
_A_YEAR: dict[Interval, int] = {"day": 365, "week": 52, "month": 12, "year": 1}


@dataclass(frozen=True, slots=True)
class Paying:
    """One subscription: `paid` for every `interval_count` intervals, after discounts. `has_paid`: a period of it was
    sold, by any invoice."""

    status: Status
    standing: Standing
    expires_at: datetime | None
    paid: Money
    interval: Interval
    interval_count: int
    has_paid: bool


def counts(subscription: Paying, *, now: datetime, grace: timedelta) -> bool:
    """The policy."""
    if subscription.standing is not Standing.GOOD or subscription.expires_at is None or not subscription.has_paid:
        return False
    if subscription.status is Status.PAST_DUE:
        return now < subscription.expires_at + grace
    return subscription.status is Status.ACTIVE


def monthly_micros(subscription: Paying) -> int:
    """What it brings by the month."""
    micros = micros_of(subscription.paid)
    return micros * _A_YEAR[subscription.interval] // (MONTHS_A_YEAR * subscription.interval_count)


def monthly(subscriptions: Iterable[Paying], *, now: datetime, grace: timedelta) -> tuple[Money, ...]:
    """The sum of those that count, in each currency that is paid in, the currencies by name."""
    sums: defaultdict[str, int] = defaultdict(int)
    for each in subscriptions:
        if counts(each, now=now, grace=grace):
            sums[each.paid.currency] += monthly_micros(each)
    return tuple(Money(sums[name] // micros_of_minor(1, name), name) for name in sorted(sums))


def yearly(by_the_month: Iterable[Money]) -> tuple[Money, ...]:
    return tuple(Money(each.amount_minor * MONTHS_A_YEAR, each.currency) for each in by_the_month)
