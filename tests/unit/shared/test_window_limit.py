"""Who counts as one caller. That the limit holds, in Redis and without, tests of sign-in and of devices show."""

import pytest

from shared.window_limit import caller_at


@pytest.mark.parametrize(
    ("address", "caller"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("nonsense", "unknown")],
)
def test_an_ipv6_network_is_one_caller(address: str, caller: str) -> None:
    assert caller_at(address) == caller
