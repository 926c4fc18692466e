"""An operator's own rules of sales, as a setting states them."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from services.billing.domain.business_types import (
    DEFAULT_RULES,
    WHOLE_BP,
    BusinessType,
    Hours,
    RulesByType,
    SaleRules,
)
from shared.contracts.devices import TYPES, DeviceType


def read_rules(text: str) -> RulesByType:
    """The rules with what a setting says otherwise, as JSON: {"gaming": {"account_day_usd_minor": 20000,
    "hours": "08:00-22:00 Europe/Berlin"}}; null lifts a limit that need not be. ValueError says what is wrong."""
    said = _object(orjson.loads(text) if text.strip() else {}, "business types")
    rules = dict(DEFAULT_RULES)
    for name, members in said.items():
        if name not in set(BusinessType):
            raise ValueError(f"names {name!r}; business types are {', '.join(BusinessType)}")
        rules[BusinessType(name)] = _changed(rules[BusinessType(name)], name, _object(members, name))
    return rules


def _changed(rules: SaleRules, name: str, members: Mapping[str, Any]) -> SaleRules:
    known = {field.name for field in fields(SaleRules)}
    values = {}
    for member, value in members.items():
        if member not in known:
            raise ValueError(f"{name} has no {member!r}; it has {', '.join(sorted(known))}")
        values[member] = _READERS.get(member, _count_or_none)(f"{name}.{member}", value)
    changed = replace(rules, **values)
    if not 0 < changed.least_usd_minor <= changed.most_usd_minor:
        raise ValueError(f"{name}: least_usd_minor is not over 0, or above most_usd_minor")
    if changed.most_tip_bp > WHOLE_BP:
        raise ValueError(f"{name}: most_tip_bp is over {WHOLE_BP}, the whole amount")
    return changed


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: is no JSON object")
    return value


def _count(where: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{where}: is no whole number from 0")
    return value


def _count_or_none(where: str, value: object) -> int | None:
    return None if value is None else _count(where, value)


def _claim(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{where}: is neither true nor false")
    return value


def _types(where: str, value: object) -> frozenset[DeviceType]:
    wanted = set(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else {""}
    if not wanted <= set(TYPES):
        raise ValueError(f"{where}: is no list of {', '.join(TYPES)}")
    return frozenset(each for each in TYPES if each in wanted)


def _hours(where: str, value: object) -> Hours | None:
    if value is None:
        return None
    try:
        span, _, zone = str(value).partition(" ")
        opens, closes = (time.fromisoformat(each) for each in span.split("-"))
        return Hours(opens, closes, ZoneInfo(zone.strip()) if zone.strip() else UTC)
    except (ValueError, LookupError, OSError) as error:
        raise ValueError(f"{where}: is not like 08:00-22:00 or 08:00-22:00 Europe/Berlin") from error


_READERS: Final[dict[str, Callable[[str, object], Any]]] = {
    "least_usd_minor": _count,
    "most_usd_minor": _count,
    "most_tip_bp": _count,
    "devices": _types,
    "verified_only": _claim,
    "recurring": _claim,
    "automated": _claim,
    "hours": _hours,
}
