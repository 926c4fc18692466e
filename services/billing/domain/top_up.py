"""Automatic top-ups: when credits run low, a saved card buys more by itself.

One is in flight at a time. After each there is a pause, doubling with every decline in a row, and after so many
declines it stops and says so until the customer sets it anew; so it does where money of the account's was refunded or
disputed, which makes credits low without their being spent. A calendar month (UTC) buys no more than its cap. A look
that buys nothing, whatever the reason, is followed by a pause as well. Amounts are millicredits, instants business
time.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from services.billing.domain.ledger.wallet import Wallet
from services.billing.domain.payment import Payment, Status
from shared.errors import Invalid
from shared.money import Credits

AUTO_TOP_UP: Final = "auto_top_up"
Stopped = Literal["declined", "no_card", "blocked", "refunded", "disputed"]
_MONEY_WENT_BACK: Final = frozenset({"refunded", "disputed"})
WaitsFor = Literal["limit", "monthly_cap"]
"""What has no room for another: S14's limit, or the month's cap."""
LIMIT_PAUSE = timedelta(hours=1)
"""Until S14's limit is looked at again."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)
"""After a look that bought nothing; doubling with each in a row."""


@dataclass(frozen=True, slots=True)
class TopUpRules:
    """What the operator's settings say. `least` and `most` are what one top-up may buy."""

    least: int
    most: int
    cooldown: timedelta
    most_declines: int


@dataclass(frozen=True, slots=True)
class AutoTopUp:
    """What an account has set, and how it goes. `amount` is what one top-up buys; `looks` counts those in a row that
    bought nothing and did not learn when to look again."""

    account_id: str
    enabled: bool
    threshold: int
    amount: int
    monthly_cap: int
    next_at: datetime
    declines: int = 0
    stopped: Stopped | None = None
    waits_for: WaitsFor | None = None
    looks: int = 0


def checked(wanted: AutoTopUp, rules: TopUpRules) -> AutoTopUp:
    """The setting as asked for. Raises Invalid."""
    if not rules.least <= wanted.amount <= rules.most:
        raise Invalid("/credits", f"must be from {Credits(rules.least)} to {Credits(rules.most)}")
    if wanted.threshold < 0:
        raise Invalid("/threshold", "must not be negative")
    if wanted.monthly_cap < wanted.amount:
        raise Invalid("/monthly_cap", "must cover at least one top-up")
    return wanted


def is_wanted(setting: AutoTopUp, wallet: Wallet) -> bool:
    """Whether a top-up that was held may still be charged: nothing has stopped the setting meanwhile, money that went
    back least of all. That credits are low is not asked again; the customer was told nothing else."""
    return setting.enabled and setting.stopped is None and wallet.open_disputes == 0


def may_buy(setting: AutoTopUp, wallet: Wallet, *, again_at: datetime) -> bool:
    """Whether a look may buy that put the next one off to `again_at`: nobody has moved the setting since, it is on,
    credits are low, and no dispute has frozen the wallet."""
    is_on = setting.enabled and setting.stopped is None and setting.next_at == again_at
    return is_on and wallet.available < setting.threshold and wallet.open_disputes == 0


def fits_month(setting: AutoTopUp, *, bought: int) -> bool:
    """Whether one more keeps to the cap; `bought` is what this month's top-ups are worth, those in flight too."""
    return bought + setting.amount <= setting.monthly_cap


def month_of(now: datetime) -> datetime:
    """When the calendar month began."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(now: datetime) -> datetime:
    """When the next one begins."""
    return month_of(month_of(now) + timedelta(days=32))


def waiting(setting: AutoTopUp, waits_for: WaitsFor, *, until: datetime) -> AutoTopUp:
    """The setting while what has no room is waited for."""
    return replace(setting, waits_for=waits_for, next_at=until, looks=0)


def after(setting: AutoTopUp, payment: Payment, rules: TopUpRules, *, now: datetime) -> AutoTopUp:
    """The setting once a top-up of its account has come to `payment.status`."""
    if payment.status is Status.SUCCEEDED:
        going_on = replace(setting, declines=0, waits_for=None, next_at=now + rules.cooldown, looks=0)
        return going_on if setting.stopped in _MONEY_WENT_BACK else replace(going_on, stopped=None)
    if payment.status is Status.BLOCKED:
        return _stopping(setting, "blocked")
    if payment.status in (Status.FAILED, Status.EXPIRED, Status.CANCELED):
        return declined(setting, rules, now=now)
    return setting


def declined(setting: AutoTopUp, rules: TopUpRules, *, now: datetime) -> AutoTopUp:
    """One more decline in a row: a longer pause, and at the last of them an end."""
    declines = setting.declines + 1
    counted = replace(setting, declines=declines, next_at=now + rules.cooldown * 2**declines, looks=0)
    return _stopping(counted, "declined") if declines >= rules.most_declines else counted


def refunded(setting: AutoTopUp) -> AutoTopUp:
    """The setting once a refund has taken credits of its account: buying them back is for the customer to say."""
    return _stopping(setting, "refunded") if setting.enabled else setting


def disputed(setting: AutoTopUp) -> AutoTopUp:
    """The same once a dispute of one of its payments has opened, however that ends: the bank's customer may not know
    that card."""
    return _stopping(setting, "disputed") if setting.enabled else setting


def _stopping(setting: AutoTopUp, why: Stopped) -> AutoTopUp:
    """The stop of money that went back stays, whatever a top-up that was under way comes to."""
    return setting if setting.stopped in _MONEY_WENT_BACK else replace(setting, stopped=why)
