import pytest

from services.gateway.domain import forwarding
from services.gateway.domain.caller_address import parse_networks
from services.gateway.domain.forwarding import CallerHead, Way, parse_proxy_path
from services.gateway.domain.route import check_upstream_url, is_private_host
from shared.errors import Invalid


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "0.0.0.1", "::1", "fe80::1", "::ffff:10.0.0.1",
        "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost", "a.localhost", "fd00::1", "100.64.0.1",
    ],
)  # fmt: skip
def test_private_hosts_in_any_spelling(host: str) -> None:
    assert is_private_host(host, ())


@pytest.mark.parametrize("host", ["api.example.com", "93.184.216.34", "2606:2800:220:1::1", "x1"])
def test_public_hosts(host: str) -> None:
    assert not is_private_host(host, ())


def test_in_production_a_private_upstream_must_be_listed() -> None:
    networks = parse_networks(["10.2.0.0/16"])
    listed = frozenset({"localhost"})
    for url in ("http://10.2.3.4/v1", "http://localhost:9/x", "https://api.example.com/"):
        check_upstream_url(url, private_allowed=False, listed=listed, networks=networks)
    for url in ("http://10.3.3.4", "http://[::1]:80/", "http://2130706433/"):
        with pytest.raises(Invalid):
            check_upstream_url(url, private_allowed=False, listed=listed, networks=networks)


def test_targets_are_joined_as_they_were_sent() -> None:
    path = parse_proxy_path(b"/proxy/echo/a;b/%252e/")
    assert (path.route, path.rest) == ("echo", b"/a;b/%252e/")
    assert Way("http://h/v1", []).target(path.rest, b"q=%20&r") == b"/v1/a;b/%252e/?q=%20&r"
    assert Way("http://h", []).target(b"", b"") == b"/"
    assert Way("http://h", []).target(b"", b"q") == b"/?q"


def test_underscores_are_dashes_to_some_servers_so_they_are_to_us() -> None:
    head = CallerHead([
        (b"x_tollgate_account", b"a"), (b"x_api_key", b"k"), (b"x_forwarded_for", b"1"), (b"x_mine", b"1"),
    ])  # fmt: skip
    assert head.api_keys == head.forwarded_for == []
    assert Way("http://h:8/", []).headers(head) == [(b"host", b"h:8"), (b"x_mine", b"1")]


def test_ever_new_names_of_headers_are_judged_and_not_remembered() -> None:
    for number in range(6_000):
        head = CallerHead([(b"x-tollgate-%d" % number, b"1"), (b"x-mine-%d" % number, b"1")])
        assert [name for name, _ in head.kept] == [b"x-mine-%d" % number]
    assert len(forwarding._REQUEST_NAMES) <= forwarding._MOST_NAMES
