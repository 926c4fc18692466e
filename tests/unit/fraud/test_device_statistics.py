"""Devices by type, capability and use, and how often one may be registered."""

import pytest

from services.fraud.domain.device_limit import too_many
from services.fraud.domain.device_statistics import Group, statistics_of
from shared.contracts.devices import CAPABILITIES, TYPES

GROUPS = [
    Group("type", "phone", 11, 6, 4, 9, 3, 3),
    Group("type", "iot", 5, 5, 5, 70, 0, 5),
    Group("capability", "nfc", 15, 11, 9, 79, 2, 8),
    Group("capability", "automated", 5, 5, 5, 70, 0, 5),
]


def test_whole_is_the_sum_of_the_types() -> None:
    found = statistics_of(GROUPS)
    assert (found["registered"], found["claimed"], found["used"], found["payments"]) == (16, 11, 9, 79)
    assert (found["registered_last_day"], found["used_last_30_days"]) == (3, 8)
    assert found["by_type"]["phone"] == {"registered": 11, "claimed": 6, "used": 4, "payments": 9}
    assert found["by_capability"]["nfc"] == {"registered": 15, "claimed": 11, "used": 9, "payments": 79}


def test_every_type_and_capability_is_told_also_of_none() -> None:
    found = statistics_of([])
    assert tuple(found["by_type"]) == TYPES and tuple(found["by_capability"]) == CAPABILITIES
    assert found["registered"] == 0 and found["by_type"]["vehicle"]["payments"] == 0


@pytest.mark.parametrize(("milliseconds", "seconds"), [(1, "1"), (1_000, "1"), (1_001, "2"), (3_600_000, "3600")])
def test_refusal_says_when_there_is_room(milliseconds: int, seconds: str) -> None:
    refusal = too_many(milliseconds, most=5)
    assert refusal.code == "rate_limited" and refusal.headers["Retry-After"] == seconds
    assert refusal.headers["RateLimit-Policy"] == '"device-registrations";q=5;w=3600'
