"""What an entry may say, and which payment it bites."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from services.fraud.domain.blacklist import (
    KINDS,
    Entry,
    EntryId,
    Kind,
    Traits,
    draft,
    hits,
    normal_value,
    readable_address,
)
from shared.errors import Invalid
from shared.ids import new_id

NOW = datetime(2027, 1, 1, tzinfo=UTC)
ACCOUNT = new_id("acct", at=NOW, entropy=bytes(10))
DEVICE = new_id("dev", at=NOW, entropy=bytes(10))


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("email", " Eve@Example.COM ", "eve@example.com"),
        ("email", "eve+tag@example.co.uk", "eve+tag@example.co.uk"),
        ("domain", "Example.COM.", "example.com"),
        ("domain", "münchen.de", "münchen.de"),
        ("card", "Xt5EWLLDS7FJjR1c", "Xt5EWLLDS7FJjR1c"),
        ("device", DEVICE, DEVICE),
        ("account", ACCOUNT, ACCOUNT),
        ("ip", "192.0.2.7", "192.0.2.7"),
        ("ip", "::ffff:192.0.2.7", "192.0.2.7"),
        ("ip", "2001:DB8:0::1", "2001:db8::1"),
        ("network", "192.0.2.7/24", "192.0.2.0/24"),
        ("network", "::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("network", "2001:db8::1/32", "2001:db8::/32"),
        ("network", "10.0.0.0/8", "10.0.0.0/8"),
        ("network", "192.0.2.7", "192.0.2.7/32"),
    ],
)
def test_value_has_one_spelling(kind: Kind, value: str, normal: str) -> None:
    assert normal_value(kind, value) == normal
    assert normal_value(kind, normal) == normal


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "eve"),
        ("email", "@example.com"),
        ("email", "eve@localhost"),
        ("email", "eve @example.com"),
        ("email", "eve@a@example.com"),
        ("email", "eve@192.0.2.7"),
        ("domain", "localhost"),
        ("domain", "eve@example.com"),
        ("domain", "-a.example.com"),
        ("domain", "a-.example.com"),
        ("domain", "exa mple.com"),
        ("domain", "example..com"),
        ("domain", "192.0.2.7"),
        ("domain", "x" * 64 + ".com"),
        ("card", "4242424242424242"),
        ("card", "4242 4242 4242 4242"),
        ("card", "4242-4242-4242-4242"),
        ("card", "<script>"),
        ("device", ACCOUNT),
        ("device", "dev_1"),
        ("account", "acct_"),
        ("account", "acct_" + "Z" * 26),
        ("ip", "192.0.2.256"),
        ("ip", "192.0.2.0/24"),
        ("ip", "fe80::1%eth0"),
        ("ip", "01.2.3.4"),
        ("network", "0.0.0.0/0"),
        ("network", "10.0.0.0/7"),
        ("network", "::/0"),
        ("network", "2001::/15"),
        ("network", "::ffff:0:0/96"),
        ("network", "192.0.2.0/33"),
        ("network", "example.com"),
        ("ip", "٣.2.3.4"),
        ("email", " "),
        ("email", "x" * 400 + "@example.com"),
    ],
)
def test_senseless_value_is_refused_without_repeating_it(kind: Kind, value: str) -> None:
    with pytest.raises(Invalid) as refusal:
        normal_value(kind, value)
    assert refusal.value.extra["errors"][0]["pointer"] == "/value"  # type: ignore[index]
    with pytest.raises(Invalid) as another:
        normal_value(kind, "?")
    assert refusal.value.detail == another.value.detail


def test_an_end_must_lie_ahead() -> None:
    for expires_at in (NOW, NOW - timedelta(seconds=1)):
        with pytest.raises(Invalid):
            draft(kind="ip", value="192.0.2.7", reason=None, source="x", expires_at=expires_at, now=NOW)
    kept = draft(kind="ip", value="192.0.2.7", reason=None, source="x", expires_at=NOW + timedelta(seconds=1), now=NOW)
    assert kept.value == "192.0.2.7"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        (" 2001:db8::1 ", "2001:db8::1"),
    ],
)
def test_callers_address_is_read(text: str, address: str) -> None:
    assert readable_address(text) == ip_address(address)


@pytest.mark.parametrize("text", [None, "", "unknown", "192.0.2.7:80", "1", "127.1"])
def test_what_is_no_address_reads_as_none(text: str | None) -> None:
    assert readable_address(text) is None


TRAITS = Traits(
    account_id=ACCOUNT,
    email_match="e" * 64,
    domain_match="d" * 64,
    card_fingerprint="card_one",
    device_id=DEVICE,
    ip=ip_address("192.0.2.7"),
    ip_match="i" * 64,
)
MATCHES: dict[Kind, str] = {**TRAITS.matches(), "network": "192.0.2.0/24"}


def entry(kind: Kind, match: str, expires_at: datetime | None = None) -> Entry:
    return Entry(EntryId(f"blk_{kind}"), kind, match, expires_at)


@pytest.mark.parametrize("kind", KINDS)
def test_entry_of_each_kind_bites_what_it_matches(kind: Kind) -> None:
    assert hits([entry(kind, MATCHES[kind])], TRAITS, at=NOW)
    other = "198.51.100.0/24" if kind == "network" else "other"
    assert not hits([entry(kind, other)], TRAITS, at=NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_trait_is_bitten_by_nothing(kind: Kind) -> None:
    if kind != "account":
        assert not hits([entry(kind, MATCHES[kind])], Traits(account_id=ACCOUNT), at=NOW)


def test_match_of_one_kind_does_not_bite_another() -> None:
    assert not hits([entry("device", "card_one")], TRAITS, at=NOW)


def test_entry_bites_until_it_expires() -> None:
    listed = entry("card", "card_one", expires_at=NOW)
    assert hits([listed], TRAITS, at=NOW - timedelta(microseconds=1))
    assert not hits([listed], TRAITS, at=NOW)


def test_network_of_the_other_version_does_not_bite() -> None:
    assert not hits([entry("network", "::/16")], TRAITS, at=NOW)


def test_hits_come_in_the_order_of_kinds() -> None:
    listed = [entry(kind, MATCHES[kind]) for kind in reversed(KINDS)]
    assert [one.kind for one in hits(listed, TRAITS, at=NOW)] == list(KINDS)
