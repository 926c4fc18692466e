"""JSON means one thing."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.doors.strict_json import decode
from shared.errors import DomainError


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b"\xff",
        b'{"a": 1,}',
        b"[" * 100_000,
        b"nul",
        b'"\x01"',
    ],
)
def test_broken_json_is_malformed(body: bytes) -> None:
    with pytest.raises(DomainError) as refusal:
        decode(body)
    assert refusal.value.code == "malformed_json"


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b'{"a": "\\u0000"}', b'{"a": "\\ud800"}', b'[["\\udfff"]]'])
def test_json_that_can_not_be_meant_is_refused(body: bytes) -> None:
    with pytest.raises(DomainError) as refusal:
        decode(body)
    assert refusal.value.code == "validation_failed"


def test_numbers_stay_exact() -> None:
    assert decode(b"[0.1, 1e400, 7]") == [Decimal("0.1"), Decimal("1e400"), 7]


def test_five_thousand_digits_are_no_integer() -> None:
    assert isinstance(decode(b"9" * 5_000), Decimal)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    try:
        decode(body)
    except DomainError as refusal:
        assert refusal.code in {"malformed_json", "validation_failed"}
