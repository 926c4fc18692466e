"""Devices by type, capability and use (U12)."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.contracts.devices import CAPABILITIES, TYPES, Capability, DeviceCounts, DeviceStatistics, DeviceType


@dataclass(frozen=True, slots=True)
class Group:
    """How many devices of one type have exactly these capabilities, and what became of them."""

    type: DeviceType
    capabilities: tuple[Capability, ...]
    registered: int
    claimed: int
    used: int
    payments: int
    registered_last_day: int
    used_last_30_days: int


def statistics_of(groups: Iterable[Group]) -> DeviceStatistics:
    """Every type and capability stands in it, those of no device with zeros."""
    found = list(groups)
    return {
        **_counts(found),
        "registered_last_day": sum(each.registered_last_day for each in found),
        "used_last_30_days": sum(each.used_last_30_days for each in found),
        "by_type": {name: _counts(each for each in found if each.type == name) for name in TYPES},
        "by_capability": {name: _counts(each for each in found if name in each.capabilities) for name in CAPABILITIES},
    }


def _counts(groups: Iterable[Group]) -> DeviceCounts:
    some = list(groups)
    return {
        "registered": sum(each.registered for each in some),
        "claimed": sum(each.claimed for each in some),
        "used": sum(each.used for each in some),
        "payments": sum(each.payments for each in some),
    }
