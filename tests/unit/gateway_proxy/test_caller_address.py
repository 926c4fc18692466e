import pytest

from services.gateway.domain.caller_address import LOOPBACK, caller_address, parse_networks


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        (None, [], "127.0.0.1"),
        ("203.0.113.9", [], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["6.6.6.6", "198.51.100.7, 127.0.0.5"], "198.51.100.7"),
        ("127.0.0.1", ["127.0.0.9, 127.0.0.5"], "127.0.0.9"),
        ("127.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("127.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("127.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.7, rubbish"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7, , "], "198.51.100.7"),
    ],
)
def test_the_last_untrusted_hop_is_the_caller(peer: str | None, forwarded: list[str], expected: str) -> None:
    assert caller_address(peer, forwarded, trusted=LOOPBACK) == expected


def test_networks_are_read_from_settings() -> None:
    networks = parse_networks(["10.0.0.0/8", " 192.0.2.1 ", ""])
    assert caller_address("10.1.2.3", ["8.8.8.8, 192.0.2.1"], trusted=networks) == "8.8.8.8"
