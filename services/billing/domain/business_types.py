"""The six business types of sales, and their limits and rules as data (U7, U8).

A type says what one sale may be and how many there may be in a window (`sale_limits` judges both); an operator's
setting replaces any member of any type (`sale_rules_setting`). Amounts are US cents; a sale in another currency is
judged by what it is worth at the operator's rate. Windows roll: a minute, 24 hours, 30 days before now (business time).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from shared.contracts.devices import TYPES, DeviceType

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(hours=24)
MONTH: Final = timedelta(days=30)
WHOLE_BP: Final = 10_000
"""The whole of something, in basis points."""


class BusinessType(StrEnum):
    """As the public API says it."""

    RETAIL = "retail"
    RESTAURANT = "restaurant"
    SERVICE = "service"
    SUBSCRIPTION = "subscription"
    GAMING = "gaming"
    IOT = "iot"


@dataclass(frozen=True, slots=True)
class Hours:
    """When sales are taken, by the clock of a place: from `opens` until just before `closes`, the next morning where
    that is the earlier one."""

    opens: time
    closes: time
    zone: tzinfo = UTC

    def include(self, at: datetime) -> bool:
        """Whether an instant falls into them."""
        now = at.astimezone(self.zone).time()
        if self.opens < self.closes:
            return self.opens <= now < self.closes
        return now >= self.opens or now < self.closes


@dataclass(frozen=True, slots=True)
class SaleRules:
    """What one business type allows; None where there is no such limit.

    `most_tip_bp` is the tip's largest share of the amount in basis points. A `recurring` type leaves the card with its
    customer for the sales that follow; an `automated` one is paid with nobody there, so that a bank which wants to see
    the card's owner refuses it.
    """

    least_usd_minor: int
    most_usd_minor: int
    devices: frozenset[DeviceType]
    most_tip_bp: int = 0
    verified_only: bool = False
    recurring: bool = False
    automated: bool = False
    hours: Hours | None = None
    account_per_minute: int | None = None
    device_per_minute: int | None = None
    account_day_usd_minor: int | None = None
    device_day_usd_minor: int | None = None
    device_day_count: int | None = None
    account_month_usd_minor: int | None = None


RulesByType = Mapping[BusinessType, SaleRules]


def _devices(*types: DeviceType) -> frozenset[DeviceType]:
    return frozenset(types)


DEFAULT_RULES: Final[RulesByType] = {
    BusinessType.RETAIL: SaleRules(50, 1_000_000, frozenset(TYPES) - {"game_console", "iot"}),
    BusinessType.RESTAURANT: SaleRules(
        100, 100_000, _devices("phone", "tablet", "wearable", "pos_terminal"), most_tip_bp=5_000
    ),
    BusinessType.SERVICE: SaleRules(
        500,
        5_000_000,
        _devices("phone", "tablet", "desktop", "pos_terminal"),
        verified_only=True,
        account_per_minute=5,
    ),
    BusinessType.SUBSCRIPTION: SaleRules(
        99, 99_900, _devices("phone", "tablet", "desktop", "smart_tv", "game_console"), recurring=True
    ),
    BusinessType.GAMING: SaleRules(
        99,
        50_000,
        _devices("phone", "tablet", "desktop", "game_console", "smart_tv"),
        account_per_minute=30,
        account_day_usd_minor=50_000,
        device_day_usd_minor=50_000,
    ),
    BusinessType.IOT: SaleRules(
        1,
        100_000,
        _devices("iot", "vehicle", "wearable", "smart_tv"),
        automated=True,
        device_per_minute=60,
        device_day_usd_minor=100_000,
        device_day_count=100,
    ),
}
