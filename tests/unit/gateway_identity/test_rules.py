from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.domain.account import valid_email, valid_name
from services.gateway.domain.api_key import check_of, make_key, may_exist
from services.gateway.domain.api_key_limits import (
    KeyLimits,
    Limits,
    LimitsChange,
    lowered_by_customer,
    set_by_operator,
)
from services.gateway.domain.country import COUNTRIES
from services.gateway.domain.credential import presented_credential
from services.gateway.domain.key_access import is_allowed_from, is_in_scope, valid_networks, valid_scopes
from services.gateway.domain.key_gate import NotEnoughForKey, check_key_gate, required_for_key
from services.gateway.domain.login_limit import TooManyFailures
from services.gateway.domain.password import new_password, presented_password
from services.gateway.domain.stored_key import valid_expiry
from shared.errors import DomainError, Invalid
from shared.money import Credits

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_key_has_the_contracts_shape() -> None:
    key = make_key(bytes(range(32)))
    assert key.text == f"tg_live_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_{check_of(key.text[:-7])}"
    assert (len(key.text), key.prefix, key.last4) == (8 + 43 + 7, "tg_live_AAEC", key.text[-4:])
    assert key.text not in repr(key)


def test_check_is_zlibs_crc32_in_base62() -> None:
    """The standard's own check value: CRC-32 of "123456789" is 0xCBF43926."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert (
        sum(digits.index(digit) * 62**power for power, digit in enumerate(reversed(check_of("123456789"))))
        == 0xCBF43926
    )
    assert check_of("") == "000000"


@pytest.mark.parametrize(
    "text", ["tg_", "tg_live_", "tg_test_abc", "tgs", "tg_live_" + "a" * 50, "tg_live_é" + "a" * 49]
)
def test_only_a_whole_key_of_ours_may_begin_like_one(text: str) -> None:
    assert may_exist(text) == (not text.startswith("tg_"))


def test_imported_keys_may_have_any_shape_but_a_bounded_length() -> None:
    assert may_exist("sk-legacy") and may_exist("TG_LIVE_x") and may_exist("x" * 512)
    assert not may_exist("") and not may_exist("x" * 513)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM ", "ada@example.com"),
        ("a.b+c@sub.example.co", "a.b+c@sub.example.co"),
        ("operator@tollgate.local", "operator@tollgate.local"),
        ("x@example.com.", "x@example.com"),
        ("x@example.com\n", "x@example.com"),
    ],
)
def test_email_has_one_form(text: str, email: str) -> None:
    assert valid_email(text) == email


@pytest.mark.parametrize(
    "text",
    ["", "@", "a@", "@b.c", "a@b", "a b@c.d", "a@b..c", ".a@b.c", "a.@b.c", "a@-b.c", "a\n@b.c", "a@b@c.d",
     "<a@b.c>", "a@b.c,d@e.f", "ä@b.c", "a" * 65 + "@b.c", "a@" + "b." * 130 + "c", '"a"@b.c', "a@b_c.d"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        valid_email(text)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "a\x7f", "\u202eabc", "x" * 101, "\u2028"])
def test_names_print_on_one_line(name: str) -> None:
    with pytest.raises(Invalid):
        valid_name(name)


def test_name_may_be_in_any_script() -> None:
    assert valid_name(" Ægir O'Neill-山田 <b> ") == "Ægir O'Neill-山田 <b>"


@pytest.mark.parametrize("password", ["1234567", "x" * 257, "nul\x00 inside", "half \ud800 pair"])
def test_password_that_cannot_be_set_is_refused_without_an_echo(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        new_password(password)
    assert password not in str(refused.value)


def test_password_is_the_same_from_every_keyboard_and_never_cut() -> None:
    assert new_password("e\u0301" * 8) == new_password("é" * 8) == presented_password("e\u0301" * 8)
    assert new_password("x" * 256) == "x" * 256


def test_countries_are_isos() -> None:
    assert len(COUNTRIES) == 249 and {"DE", "US", "TW"} <= COUNTRIES


@pytest.mark.parametrize(("had", "required"), [(False, 5_000_000), (True, 1_000)])
def test_gate_is_a_minimum_for_the_first_key_and_a_credit_for_others(had: bool, required: int) -> None:
    assert required_for_key(had_a_key=had, first_key_minimum=5_000_000) == required
    check_key_gate(available=required, required=required)
    with pytest.raises(NotEnoughForKey) as refused:
        check_key_gate(available=required - 1, required=required)
    assert refused.value.extra == {
        "credits": Credits(required - 1),
        "required": Credits(required),
        "checkout_path": "/credits/buy",
    }


DEFAULT = KeyLimits(Limits(100, 10_000))


def change(**values: int | None) -> LimitsChange:
    return LimitsChange(frozenset(values), Limits(**values))


def test_customer_lowers_and_raises_back_to_the_operators_limit() -> None:
    lower = lowered_by_customer(DEFAULT, change(per_minute=5))
    assert lower.effective == Limits(5, 10_000)
    assert lowered_by_customer(lower, change(per_minute=100)).effective == Limits(100, 10_000)
    for values in ({"per_minute": 101}, {"per_day": 10_001}, {"per_minute": None}):
        with pytest.raises(Invalid):
            lowered_by_customer(lower, change(**values))


def test_operators_limit_rules_over_the_customers() -> None:
    lower = lowered_by_customer(DEFAULT, change(per_minute=5))
    assert set_by_operator(lower, change(per_minute=700)).effective == Limits(700, 10_000)
    lifted = set_by_operator(lower, change(per_minute=None, per_day=None))
    assert lifted.effective == Limits(None, None)
    assert lowered_by_customer(lifted, change(per_day=10**6)).effective == Limits(None, 10**6)


def test_scopes_are_kept_once_and_none_means_all() -> None:
    assert valid_scopes(None) == ("proxy", "credits:read", "usage:read")
    assert valid_scopes(["usage:read", "proxy:a-b_1", "usage:read"]) == ("usage:read", "proxy:a-b_1")


def test_proxy_covers_every_route_and_a_route_only_itself() -> None:
    assert is_in_scope(["proxy"], "proxy:demo") and not is_in_scope(["proxy"], "credits:read")
    assert is_in_scope(["proxy:demo"], "proxy:demo") and not is_in_scope(["proxy:demo"], "proxy:demo2")
    assert not is_in_scope(["proxy:demo"], "proxy")


def test_addresses_are_judged_in_every_clothing() -> None:
    networks = valid_networks(["10.1.2.3/8", "2001:db8::/32", "::ffff:192.0.2.1"])
    assert networks == ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1")
    for inside in ("10.255.0.1", "::ffff:10.0.0.1", "2001:db8:1::1", "192.0.2.1"):
        assert is_allowed_from(networks, inside)
    for outside in ("11.0.0.1", "2001:db9::1", "192.0.2.2", "nonsense", ""):
        assert not is_allowed_from(networks, outside)
    assert is_allowed_from((), "203.0.113.1")


def test_expiry_is_in_the_future() -> None:
    assert valid_expiry(NOW + timedelta(seconds=1), at=NOW) and valid_expiry(None, at=NOW) is None
    with pytest.raises(Invalid):
        valid_expiry(NOW, at=NOW)


def test_retry_after_is_rounded_up() -> None:
    for milliseconds, seconds in ((1, "1"), (1_000, "1"), (1_001, "2")):
        assert TooManyFailures(milliseconds, most=5).headers["Retry-After"] == seconds


@pytest.mark.parametrize(
    ("authorization", "api_key", "credential"),
    [
        ([], [], None),
        (["Bearer abc"], [], "abc"),
        (["bearer  abc "], [], "abc"),
        (["Basic abc"], [], None),
        (["abc"], [], None),
        (["Bearer "], [], None),
        ([], ["abc"], "abc"),
        ([], [""], None),
        ([], ["  "], None),
        ([], [" abc "], "abc"),
    ],
)
def test_credential_is_a_bearer_token_or_a_key(
    authorization: list[str], api_key: list[str], credential: str | None
) -> None:
    assert presented_credential(authorization, api_key) == credential


@pytest.mark.parametrize(("authorization", "api_key"), [(["Bearer a"], ["a"]), (["x", "x"], []), ([], ["a", "a"])])
def test_two_credentials_are_ambiguous(authorization: list[str], api_key: list[str]) -> None:
    with pytest.raises(DomainError, match="ambiguous_credentials"):
        presented_credential(authorization, api_key)
