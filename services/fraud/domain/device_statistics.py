"""Devices by type, capability and use (U12)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from shared.contracts.devices import CAPABILITIES, TYPES, DeviceCounts, DeviceStatistics

_NONE: DeviceCounts = {"registered": 0, "claimed": 0, "used": 0, "payments": 0}


@dataclass(frozen=True, slots=True)
class Group:
    """How many devices are of one type, or have one capability, and what became of them."""

    kind: Literal["type", "capability"]
    name: str
    registered: int
    claimed: int
    used: int
    payments: int
    registered_last_day: int
    used_last_30_days: int


def statistics_of(groups: Iterable[Group]) -> DeviceStatistics:
    """Every type and capability stands in it, those of no device with zeros. A device is of one type, so that those
    add up to the whole."""
    found = list(groups)
    of_types = [each for each in found if each.kind == "type"]
    by_type = {each.name: _counts(each) for each in of_types}
    by_capability = {each.name: _counts(each) for each in found if each.kind == "capability"}
    return {
        "registered": sum(each.registered for each in of_types),
        "claimed": sum(each.claimed for each in of_types),
        "used": sum(each.used for each in of_types),
        "payments": sum(each.payments for each in of_types),
        "registered_last_day": sum(each.registered_last_day for each in of_types),
        "used_last_30_days": sum(each.used_last_30_days for each in of_types),
        "by_type": {name: by_type.get(name, _NONE) for name in TYPES},
        "by_capability": {name: by_capability.get(name, _NONE) for name in CAPABILITIES},
    }


def _counts(group: Group) -> DeviceCounts:
    return {
        "registered": group.registered,
        "claimed": group.claimed,
        "used": group.used,
        "payments": group.payments,
    }
