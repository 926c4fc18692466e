"""How often a heartbeat is due, as the welcome says it."""

from dataclasses import replace

import pytest

from services.licensing.use_cases.welcome import heartbeat_of
from tests.unit.licensing.test_verdict import PAID


@pytest.mark.parametrize(
    ("lease_seconds", "said"),
    [
        (None, ""),
        (1, "1 second"),
        (90, "90 seconds"),
        (60, "1 minute"),
        (900, "15 minutes"),
        (7_200, "2 hours"),
        (86_400, "1 day"),
    ],
)
def test_lease_is_said_in_the_largest_unit_that_fits(lease_seconds: int | None, said: str) -> None:
    assert heartbeat_of(replace(PAID, lease_seconds=lease_seconds)) == said
