"""A key is found however it is written, and by no other digit."""

import hashlib
import hmac
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain.license_key import (
    LicenseKey,
    Makings,
    make_license_key,
    read_license_key,
    version_that_sealed,
)

SECRETS = {1: b"1" * 32, 2: b"2" * 32, 7: b"7" * 64}
MAKINGS = st.builds(
    Makings,
    customer_id=st.text("abc_:0", max_size=12),
    subscription_id=st.text("abc_:0", max_size=12),
    minted_at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    salt=st.binary(min_size=16, max_size=32),
)
VERSIONS = st.sampled_from(sorted(SECRETS))


def made(makings: Makings, version: int) -> LicenseKey:
    return make_license_key(makings, SECRETS[version])


@given(MAKINGS, VERSIONS)
def test_key_is_what_the_requirement_says(makings: Makings, version: int) -> None:
    stamp = int(makings.minted_at.timestamp())
    said = f"{makings.customer_id}:{makings.subscription_id}:{stamp}:{makings.salt.hex()}"
    body = hashlib.sha512(said.encode()).hexdigest()
    seal = hmac.new(SECRETS[version], body.encode(), hashlib.sha512).hexdigest()
    assert made(makings, version).digits == body + seal


@given(MAKINGS, VERSIONS, st.sampled_from(["", "-", " ", "\n", "\u2013", " - ", "\u00a0"]), st.booleans())
def test_key_is_read_however_it_is_written(makings: Makings, version: int, between: str, upper: bool) -> None:
    key = made(makings, version)
    groups = key.printed().split("-")
    assert [len(group) for group in groups] == [16] * 16
    written = between.join(groups)
    read = read_license_key(f" {written.upper() if upper else written}\r\n")
    assert read is not None and read.digits == key.digits and read.hash == key.hash
    assert version_that_sealed(read, SECRETS) == version


@given(MAKINGS, VERSIONS, st.integers(0, 255), st.sampled_from("0123456789abcdef"))
def test_one_changed_digit_in_either_half_is_no_key(makings: Makings, version: int, place: int, digit: str) -> None:
    digits = made(makings, version).digits
    changed = LicenseKey(digits[:place] + digit + digits[place + 1 :])
    assert (version_that_sealed(changed, SECRETS) == version) == (changed.digits == digits)


@given(st.text(max_size=400) | st.text("0123456789abcdefABCDEF- ", min_size=240, max_size=300))
def test_anything_else_is_malformed(written: str) -> None:
    read = read_license_key(written)
    hexes = sum(each in "0123456789abcdefABCDEF" for each in written)
    assert read is None or hexes == 256


@given(MAKINGS, VERSIONS)
def test_key_of_a_retired_secret_is_no_key(makings: Makings, version: int) -> None:
    left = {number: secret for number, secret in SECRETS.items() if number != version}
    assert version_that_sealed(made(makings, version), left) is None
