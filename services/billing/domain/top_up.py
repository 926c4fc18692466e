"""Automatic top-ups: when credits run low, a saved card buys more by itself.

One is in flight at a time. After each there is a pause, doubling with every decline in a row, and after so many
declines it stops and says so until the customer sets it anew. A calendar month (UTC) buys no more than its cap.
Amounts are millicredits, instants business time.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from services.billing.domain.payment import Payment, Status
from shared.errors import Invalid
from shared.money import Credits

AUTO_TOP_UP: Final = "auto_top_up"
Stopped = Literal["declined", "no_card", "blocked"]
WaitsFor = Literal["limit", "monthly_cap"]
"""What has no room for another: S14's limit, or the month's cap."""
LIMIT_PAUSE = timedelta(hours=1)
"""Until S14's limit is looked at again."""


@dataclass(frozen=True, slots=True)
class TopUpRules:
    """What the operator's settings say. `least` and `most` are what one top-up may buy."""

    least: int
    most: int
    cooldown: timedelta
    most_declines: int


@dataclass(frozen=True, slots=True)
class AutoTopUp:
    """What an account has set, and how it goes. `amount` is what one top-up buys."""

    account_id: str
    enabled: bool
    threshold: int
    amount: int
    monthly_cap: int
    next_at: datetime
    declines: int = 0
    stopped: Stopped | None = None
    waits_for: WaitsFor | None = None


def checked(wanted: AutoTopUp, rules: TopUpRules) -> AutoTopUp:
    """The setting as asked for. Raises Invalid."""
    if not rules.least <= wanted.amount <= rules.most:
        raise Invalid("/credits", f"must be from {Credits(rules.least)} to {Credits(rules.most)}")
    if wanted.threshold < 0:
        raise Invalid("/threshold", "must not be negative")
    if wanted.monthly_cap < wanted.amount:
        raise Invalid("/monthly_cap", "must cover at least one top-up")
    return wanted


def is_due(setting: AutoTopUp, *, available: int, now: datetime) -> bool:
    """Whether the credits are low enough, and it may be tried now."""
    is_on = setting.enabled and setting.stopped is None and setting.next_at <= now
    return is_on and available < setting.threshold


def fits_month(setting: AutoTopUp, *, bought: int) -> bool:
    """Whether one more keeps to the cap; `bought` is what this month's top-ups are worth, those in flight too."""
    return bought + setting.amount <= setting.monthly_cap


def month_of(now: datetime) -> datetime:
    """When the calendar month began."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(now: datetime) -> datetime:
    """When the next one begins."""
    return month_of(month_of(now) + timedelta(days=32))


def after(setting: AutoTopUp, payment: Payment, rules: TopUpRules, *, now: datetime) -> AutoTopUp:
    """The setting once a top-up of its account has come to `payment.status`."""
    if payment.status is Status.SUCCEEDED:
        return replace(setting, declines=0, stopped=None, waits_for=None, next_at=now + rules.cooldown)
    if payment.status is Status.BLOCKED:
        return replace(setting, stopped="blocked")
    if payment.status in (Status.FAILED, Status.EXPIRED, Status.CANCELED):
        return declined(setting, rules, now=now)
    return setting


def declined(setting: AutoTopUp, rules: TopUpRules, *, now: datetime) -> AutoTopUp:
    """One more decline in a row: a longer pause, and at the last of them an end."""
    declines = setting.declines + 1
    stopped: Stopped | None = "declined" if declines >= rules.most_declines else setting.stopped
    return replace(setting, declines=declines, stopped=stopped, next_at=now + rules.cooldown * 2**declines)
