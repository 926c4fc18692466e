from hypothesis import assume, given
from hypothesis import strategies as st

from services.gateway.domain.api_key import check_of, key_hash, make_key, may_exist
from services.gateway.domain.api_key_limits import KeyLimits, Limits

SECRETS = st.binary(min_size=32, max_size=32)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


@given(SECRETS)
def test_every_key_passes_its_own_check(secret: bytes) -> None:
    key = make_key(secret)
    assert may_exist(key.text)
    assert key.hash == key_hash(key.text) and len(key.hash) == 32
    assert key.text.startswith(key.prefix) and key.text.endswith(key.last4)


@given(SECRETS, st.data())
def test_any_other_character_is_refused(secret: bytes, data: st.DataObject) -> None:
    """CRC-32 finds every change of up to 32 bits in a row, so one character, and one letter's case, always."""
    key = make_key(secret).text
    position = data.draw(st.integers(8, len(key) - 1))
    other = data.draw(st.sampled_from(ALPHABET))
    assume(other != key[position])
    assert not may_exist(key[:position] + other + key[position + 1 :])
    swapped = key[position].swapcase()
    if swapped != key[position]:
        assert not may_exist(key[:position] + swapped + key[position + 1 :])


@given(SECRETS, st.integers(3, 57), st.text(min_size=1, max_size=10))
def test_cut_and_lengthened_keys_are_refused(secret: bytes, length: int, more: str) -> None:
    key = make_key(secret).text
    assert not may_exist(key[:length])
    assert not may_exist(key + more)


@given(st.text())
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert may_exist(text) in (True, False)
    assert len(key_hash(text)) == 32
    assert len(check_of(text)) == 6


LIMIT = st.none() | st.integers(1, 10**9)


@given(LIMIT, LIMIT, LIMIT, LIMIT)
def test_effective_limit_is_never_above_either(a: int | None, b: int | None, c: int | None, d: int | None) -> None:
    effective = KeyLimits(most=Limits(a, b), own=Limits(c, d)).effective
    for value, most, own in ((effective.per_minute, a, c), (effective.per_day, b, d)):
        named = [limit for limit in (most, own) if limit is not None]
        assert value == (min(named) if named else None)
