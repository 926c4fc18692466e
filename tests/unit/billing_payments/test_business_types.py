"""U7 and U8: every limit of every business type, exactly and a cent (or a payment, a second) to either side."""

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.billing.domain.business_types import DEFAULT_RULES, BusinessType, Hours
from services.billing.domain.sale_limits import ProposedSale, SaleUse, checked_sale
from services.billing.domain.sale_rules_setting import read_rules
from shared.contracts.devices import TYPES
from shared.errors import DomainError

RANGES = {
    "retail": (50, 1_000_000),
    "restaurant": (100, 100_000),
    "service": (500, 5_000_000),
    "subscription": (99, 99_900),
    "gaming": (99, 50_000),
    "iot": (1, 100_000),
}
DEVICES = {
    "retail": {"phone", "tablet", "pos_terminal", "desktop", "smart_tv", "wearable", "vehicle"},
    "restaurant": {"phone", "tablet", "wearable", "pos_terminal"},
    "service": {"phone", "tablet", "desktop", "pos_terminal"},
    "subscription": {"phone", "tablet", "desktop", "smart_tv", "game_console"},
    "gaming": {"phone", "tablet", "desktop", "game_console", "smart_tv"},
    "iot": {"iot", "vehicle", "wearable", "smart_tv"},
}
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def sale_of(business: str, **members: Any) -> ProposedSale:
    """A sale that its type allows, but for what is said."""
    usd_minor = members.pop("usd_minor", RANGES[business][0])
    device = next(each for each in TYPES if each in DEVICES[business])
    plain = ProposedSale(usd_minor, usd_minor, tip_minor=0, device=device, verified=True, at=NOON)
    return replace(plain, **members)


def refusal(business: str, rules: Any = None, **members: Any) -> str | None:
    kind = BusinessType(business)
    try:
        checked_sale(sale_of(business, **members), kind, rules or DEFAULT_RULES[kind])
    except DomainError as error:
        return error.code
    return None


@pytest.mark.parametrize("business", RANGES)
def test_amounts_are_from_the_least_to_the_most_to_the_cent(business: str) -> None:
    least, most = RANGES[business]
    asked = (least - 1, least, least + 1, most - 1, most, most + 1)
    out = "amount_out_of_range"
    assert [refusal(business, usd_minor=each) for each in asked] == [out, None, None, None, None, out]


@pytest.mark.parametrize(("amount", "most_tip"), [(2_000, 1_000), (2_001, 1_000), (100_000, 50_000), (101, 50)])
def test_a_restaurants_tip_is_up_to_half_of_the_amount_to_the_cent(amount: int, most_tip: int) -> None:
    asked = (-1, 0, most_tip - 1, most_tip, most_tip + 1)
    out = "tip_out_of_range"
    found = [refusal("restaurant", usd_minor=amount, amount_minor=amount, tip_minor=each) for each in asked]
    assert found == [out, None, None, None, out]


@pytest.mark.parametrize("business", sorted(set(RANGES) - {"restaurant"}))
def test_other_types_take_no_tip(business: str) -> None:
    assert [refusal(business, tip_minor=each) for each in (0, 1)] == [None, "tip_out_of_range"]


@pytest.mark.parametrize("business", RANGES)
def test_only_services_want_a_verified_account(business: str) -> None:
    assert refusal(business, verified=False) == ("verification_required" if business == "service" else None)


@pytest.mark.parametrize("business", RANGES)
def test_each_type_knows_its_devices(business: str) -> None:
    assert {each for each in TYPES if refusal(business, device=each) is None} == DEVICES[business]
    assert {refusal(business, device=each) for each in set(TYPES) - DEVICES[business]} == {"device_not_allowed"}


def test_the_first_broken_rule_is_told() -> None:
    broken = {"usd_minor": 1, "tip_minor": 1, "verified": False, "device": "iot"}
    told = []
    for member in ("usd_minor", "tip_minor", "verified", "device", None):
        told.append(refusal("service", **broken))
        broken.pop(member or "", None)
    assert told == ["amount_out_of_range", "tip_out_of_range", "verification_required", "device_not_allowed", None]


def test_no_type_has_hours_by_default() -> None:
    assert {rules.hours for rules in DEFAULT_RULES.values()} == {None}


@pytest.mark.parametrize(
    ("opens", "closes", "at", "taken"),
    [
        ("08:00", "22:00", "07:59:59", False),
        ("08:00", "22:00", "08:00:00", True),
        ("08:00", "22:00", "21:59:59", True),
        ("08:00", "22:00", "22:00:00", False),
        ("18:00", "02:00", "17:59:59", False),
        ("18:00", "02:00", "23:59:59", True),
        ("18:00", "02:00", "01:59:59", True),
        ("18:00", "02:00", "02:00:00", False),
    ],
)
def test_hours_are_judged_to_the_second_also_past_midnight(opens: str, closes: str, at: str, taken: bool) -> None:
    rules = replace(
        DEFAULT_RULES[BusinessType.GAMING], hours=Hours(time.fromisoformat(opens), time.fromisoformat(closes))
    )
    moment = datetime.combine(NOON.date(), time.fromisoformat(at), tzinfo=UTC)
    assert refusal("gaming", rules, at=moment) == (None if taken else "outside_hours")


def test_hours_are_by_the_clock_of_their_place() -> None:
    summer, winter = datetime(2026, 7, 1, 6, 30, tzinfo=UTC), datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    hours = Hours(time(8), time(22), ZoneInfo("Europe/Berlin"))
    assert hours.include(summer) and not hours.include(winter)


WINDOWS = [
    ("service", "account_minute_count", 5, None, "rate_limited"),
    ("gaming", "account_minute_count", 30, None, "rate_limited"),
    ("iot", "device_minute_count", 60, None, "rate_limited"),
    ("gaming", "account_day_usd_minor", 50_000, "account", "daily_limit_exceeded"),
    ("gaming", "device_day_usd_minor", 50_000, "device", "daily_limit_exceeded"),
    ("iot", "device_day_usd_minor", 100_000, "device", "daily_limit_exceeded"),
    ("iot", "device_day_count", 100, "device", "daily_limit_exceeded"),
]


@pytest.mark.parametrize(("business", "member", "limit", "scope", "code"), WINDOWS)
def test_windows_are_full_to_the_cent_and_to_the_payment(
    business: str, member: str, limit: int, scope: str | None, code: str
) -> None:
    kind, found = BusinessType(business), []
    one_more = 1 if member.endswith("_count") else 99
    for used in (limit - one_more - 1, limit - one_more, limit - one_more + 1):
        try:
            SaleUse(**{member: used}).require(99, kind, DEFAULT_RULES[kind])
            found.append(None)
        except DomainError as error:
            assert error.extra.get("scope") == scope
            found.append(error.code)
    assert found == [None, None, code]


@pytest.mark.parametrize("business", RANGES)
def test_other_windows_are_open(business: str) -> None:
    kind = BusinessType(business)
    limited = {member for each, member, *_ in WINDOWS if each == business}
    for member in set(SaleUse.__dataclass_fields__) - limited:
        SaleUse(**{member: 10**9}).require(1, kind, DEFAULT_RULES[kind])


def test_a_months_spending_may_be_limited() -> None:
    rules = read_rules('{"retail": {"account_month_usd_minor": 1000}}')[BusinessType.RETAIL]
    SaleUse(account_month_usd_minor=900).require(100, BusinessType.RETAIL, rules)
    with pytest.raises(DomainError) as refused:
        SaleUse(account_month_usd_minor=901).require(100, BusinessType.RETAIL, rules)
    assert refused.value.code == "spending_limit_exceeded"
    assert refused.value.extra["available"] == {"amount": 99, "currency": "usd"}


def test_a_setting_replaces_what_it_names_and_nothing_else() -> None:
    rules = read_rules(
        '{"iot": {"most_usd_minor": 5, "devices": ["iot"], "device_day_count": null, "automated": false,'
        ' "hours": "22:00-06:30 Europe/Berlin"}}'
    )
    iot = rules[BusinessType.IOT]
    assert (iot.least_usd_minor, iot.most_usd_minor, iot.devices) == (1, 5, {"iot"})
    assert (iot.device_day_count, iot.device_per_minute, iot.automated) == (None, 60, False)
    assert iot.hours == Hours(time(22), time(6, 30), ZoneInfo("Europe/Berlin"))
    assert {**rules, BusinessType.IOT: None} == {**DEFAULT_RULES, BusinessType.IOT: None}
    assert read_rules("") == DEFAULT_RULES


@pytest.mark.parametrize(
    "said",
    [
        "[]",
        "{",
        '{"bakery": {}}',
        '{"iot": []}',
        '{"iot": {"colour": 1}}',
        '{"iot": {"least_usd_minor": null}}',
        '{"iot": {"least_usd_minor": 0}}',
        '{"iot": {"most_usd_minor": 0}}',
        '{"iot": {"most_usd_minor": 1.5}}',
        '{"iot": {"most_tip_bp": 10001}}',
        '{"iot": {"device_day_count": -1}}',
        '{"iot": {"device_day_count": true}}',
        '{"iot": {"verified_only": 1}}',
        '{"iot": {"devices": ["toaster"]}}',
        '{"iot": {"devices": "iot"}}',
        '{"iot": {"hours": "always"}}',
        '{"iot": {"hours": "08:00-22:00 Nowhere/At_All"}}',
    ],
)
def test_a_setting_that_says_nonsense_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_rules(said)
