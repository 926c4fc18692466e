"""Where a customer may be sent after the payment page."""

import pytest

from services.billing.domain.checkout_addresses import AddressRules, checked_address
from shared.errors import Invalid

LOCAL = AddressRules("http://127.0.0.1:8082", (), loopback_allowed=True)
PRODUCTION = AddressRules("https://api.tollgate.example", ("shop.example", "shop.example:8443"), loopback_allowed=False)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.tollgate.example/credits/paid?session_id={CHECKOUT_SESSION_ID}",
        "https://API.Tollgate.example/",
        "https://api.tollgate.example:443/x",
        "https://shop.example/thanks?x=1#y",
        "https://shop.example:8443/",
    ],
)
def test_own_origin_and_listed_hosts_are_allowed(address: str) -> None:
    assert checked_address(address, "/success_url", PRODUCTION) == address


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:3000/ok", "http://localhost/ok", "http://[::1]:5000/", "http://app.localhost:1/"]
)
def test_loopback_is_allowed_outside_production_only(address: str) -> None:
    assert checked_address(address, "/success_url", LOCAL) == address
    with pytest.raises(Invalid):
        checked_address(address, "/success_url", PRODUCTION)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/credits",
        "//evil.example/",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "javascript:alert(1)",
        "JAVASCRIPT://shop.example/%0aalert(1)",
        "data:text/html,x",
        "ftp://shop.example/",
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://evilshop.example/",
        "https://shop.example:444/",
        "http://api.tollgate.example/",
        "https://api.tollgate.example:444/",
        "https://user@shop.example/",
        "https://user:pw@shop.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "https://shop.example\\.evil.example/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\x00",
        "https://shop.example/ space",
        "\thttps://shop.example/",
        "https://shop.exämple/",
        "https://shop.example%2eevil.example/",
        "https://{CHECKOUT_SESSION_ID}.shop.example/",
        "https://shop.example:99999/",
        "https://shop.example:port/",
        "https://[::1/",
        "https://shop.example/" + "x" * 2_000,
    ],
)
def test_everything_else_is_refused_at_its_field(address: str) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_address(address, "/cancel_url", PRODUCTION)
    assert refusal.value.extra["errors"][0]["pointer"] == "/cancel_url"  # type: ignore[index]
