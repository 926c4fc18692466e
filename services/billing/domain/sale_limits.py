"""What is refused of a sale (U7, U8): by itself, and for what an account's and a device's sales have used already.

Each limit is allowed exactly, and a cent past it is refused, each with its own code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.billing.domain.business_types import MINUTE, WHOLE_BP, BusinessType, Hours, SaleRules
from shared.contracts.devices import TYPES, DeviceType
from shared.errors import DomainError
from shared.money import Money


@dataclass(frozen=True, slots=True)
class ProposedSale:
    """A sale before anything is known of others: what it is worth in US cents, and of the amount, in its own minor
    unit, how much is a tip."""

    usd_minor: int
    amount_minor: int
    tip_minor: int
    device: DeviceType
    verified: bool
    at: datetime


def checked_sale(sale: ProposedSale, business: BusinessType, rules: SaleRules) -> None:
    """Raise the refusal of the first rule that the sale breaks, in this order: AmountOutOfRange, TipOutOfRange,
    VerificationRequired, DeviceNotAllowed, OutsideHours."""
    if not rules.least_usd_minor <= sale.usd_minor <= rules.most_usd_minor:
        raise AmountOutOfRange(business, rules)
    if not 0 <= sale.tip_minor * WHOLE_BP <= sale.amount_minor * rules.most_tip_bp:
        raise TipOutOfRange(business, rules)
    if rules.verified_only and not sale.verified:
        raise VerificationRequired(business)
    if sale.device not in rules.devices:
        raise DeviceNotAllowed(business, rules)
    if rules.hours is not None and not rules.hours.include(sale.at):
        raise OutsideHours(business, rules.hours)


@dataclass(frozen=True, slots=True)
class SaleUse:
    """What an account's and a device's sales of one business type have used, in number and US cents. Those of a minute
    count however they ended, those of a day and of a month where they reserve what they are worth."""

    account_minute_count: int = 0
    device_minute_count: int = 0
    account_day_usd_minor: int = 0
    device_day_usd_minor: int = 0
    device_day_count: int = 0
    account_month_usd_minor: int = 0

    def require(self, usd_minor: int, business: BusinessType, rules: SaleRules) -> None:
        """Raise TooManySales, DailyLimitExceeded or SpendingLimitExceeded where one more sale of `usd_minor` would go
        past a limit."""
        for limit, used in (
            (rules.account_per_minute, self.account_minute_count),
            (rules.device_per_minute, self.device_minute_count),
        ):
            if limit is not None and used >= limit:
                raise TooManySales(business, limit)
        for whose, facts in self._gone_past(usd_minor, rules):
            raise DailyLimitExceeded(business, whose, facts)
        most = rules.account_month_usd_minor
        if most is not None and self.account_month_usd_minor + usd_minor > most:
            raise SpendingLimitExceeded(business, _money_facts(most, self.account_month_usd_minor))

    def _gone_past(self, usd_minor: int, rules: SaleRules) -> Iterator[tuple[str, dict[str, object]]]:
        """The limits of a day that one more sale would go past: whose each is, and its figures."""
        for whose, limit, used in (
            ("account", rules.account_day_usd_minor, self.account_day_usd_minor),
            ("device", rules.device_day_usd_minor, self.device_day_usd_minor),
        ):
            if limit is not None and used + usd_minor > limit:
                yield whose, _money_facts(limit, used)
        count = rules.device_day_count
        if count is not None and self.device_day_count >= count:
            yield "device", {"limit": count, "used": self.device_day_count, "available": 0}


class AmountOutOfRange(DomainError):
    """Bears `least` and `most` as money."""

    def __init__(self, business: BusinessType, rules: SaleRules) -> None:
        least, most = Money(rules.least_usd_minor, "usd"), Money(rules.most_usd_minor, "usd")
        super().__init__(
            "amount_out_of_range",
            f"Payments of the type {business} are from ${_dollars(least)} to ${_dollars(most)}, or of that worth.",
            extra={"least": least.as_json(), "most": most.as_json()},
        )


class TipOutOfRange(DomainError):
    """Of a type that takes no tips, any tip is."""

    def __init__(self, business: BusinessType, rules: SaleRules) -> None:
        share = f"{rules.most_tip_bp // 100}.{rules.most_tip_bp % 100:02d}".removesuffix(".00")
        told = f"The tip of a payment of the type {business} is from nothing to {share}% of its amount."
        super().__init__(
            "tip_out_of_range", told if rules.most_tip_bp else f"Payments of the type {business} take no tip."
        )


class VerificationRequired(DomainError):
    """The account is new."""

    def __init__(self, business: BusinessType) -> None:
        super().__init__("verification_required", f"Payments of the type {business} are for verified accounts.")


class DeviceNotAllowed(DomainError):
    """Bears `device_types`, those that are."""

    def __init__(self, business: BusinessType, rules: SaleRules) -> None:
        allowed = [each for each in TYPES if each in rules.devices]
        super().__init__(
            "device_not_allowed",
            f"Payments of the type {business} are made with one of: {', '.join(allowed)}.",
            extra={"device_types": allowed},
        )


class OutsideHours(DomainError):
    """Bears `opens` and `closes`."""

    def __init__(self, business: BusinessType, hours: Hours) -> None:
        opens, closes = f"{hours.opens:%H:%M}", f"{hours.closes:%H:%M}"
        super().__init__(
            "outside_hours",
            f"Payments of the type {business} are taken from {opens} to {closes} ({hours.zone}).",
            extra={"opens": opens, "closes": closes},
        )


class TooManySales(DomainError):
    """More within a minute than the type allows."""

    def __init__(self, business: BusinessType, limit: int) -> None:
        super().__init__(
            "rate_limited",
            f"There may be {limit} payments of the type {business} a minute.",
            headers={"Retry-After": str(int(MINUTE.total_seconds()))},
        )


class DailyLimitExceeded(DomainError):
    """Bears `scope` (account or device), `limit`, `used` and `available`: money, or numbers of payments."""

    def __init__(self, business: BusinessType, whose: str, facts: Mapping[str, object]) -> None:
        super().__init__(
            "daily_limit_exceeded",
            f"This would go past what one {whose} may pay in payments of the type {business} within 24 hours.",
            extra={"scope": whose, **facts},
        )


class SpendingLimitExceeded(DomainError):
    """Bears `limit`, `used` and `available` as money."""

    def __init__(self, business: BusinessType, facts: Mapping[str, object]) -> None:
        super().__init__(
            "spending_limit_exceeded",
            f"This would go past what one account may pay in payments of the type {business} within 30 days.",
            extra=facts,
        )


def _money_facts(limit: int, used: int) -> dict[str, object]:
    return {
        "limit": Money(limit, "usd").as_json(),
        "used": Money(used, "usd").as_json(),
        "available": Money(max(0, limit - used), "usd").as_json(),
    }


def _dollars(money: Money) -> str:
    return f"{money.amount_minor // 100:,}.{money.amount_minor % 100:02d}"
