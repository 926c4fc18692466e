"""Identifiers: 128 bits, of which the first 48 are unix milliseconds and the other 80 random.

Their public form is a kind and 26 Crockford base32 characters (`acct_01J...`, the ULID layout), so that they
sort by time as text. The same bits as a `UUID` are a transfer's or a hold's id.
"""

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_TEXT_LENGTH = 26
_ENTROPY_BYTES = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BITS_PER_CHARACTER = 5
_MAX = 1 << 128


def new_uuid(*, at: datetime, entropy: bytes | None = None) -> UUID:
    """A fresh id whose time is `at`; `entropy` (10 bytes) is drawn from the system unless a test gives it."""
    noise = os.urandom(_ENTROPY_BYTES) if entropy is None else entropy
    assert len(noise) == _ENTROPY_BYTES
    return UUID(int=(milliseconds(at) << 80) | int.from_bytes(noise, "big"))


def new_id(prefix: str, *, at: datetime, entropy: bytes | None = None) -> str:
    """A fresh public id: `new_id("acct", at=now)` -> `acct_01J...`."""
    return encode(prefix, new_uuid(at=at, entropy=entropy))


def encode(prefix: str, value: UUID) -> str:
    """The public form of an id."""
    number = value.int
    characters = [
        _ALPHABET[(number >> shift) & 31]
        for shift in range((_TEXT_LENGTH - 1) * _BITS_PER_CHARACTER, -1, -_BITS_PER_CHARACTER)
    ]
    return f"{prefix}_{''.join(characters)}"


def decode(prefix: str, text: str) -> UUID | None:
    """The bits of a public id, or None where `text` is no id of that kind."""
    head, _, body = text.rpartition("_")
    if head != prefix or len(body) != _TEXT_LENGTH:
        return None
    number = 0
    for character in body:
        value = _VALUES.get(character)
        if value is None:
            return None
        number = (number << _BITS_PER_CHARACTER) | value
    return UUID(int=number) if number < _MAX else None


def milliseconds(at: datetime) -> int:
    """Unix milliseconds of an aware instant."""
    return (at - _EPOCH) // _MILLISECOND


def instant_of(value: UUID) -> datetime:
    """The time that an id names, to the millisecond."""
    return _EPOCH + (value.int >> 80) * _MILLISECOND


def first_uuid_at(at: datetime) -> UUID:
    """The smallest id of an instant: the lower bound of a partition or a range."""
    return UUID(int=milliseconds(at) << 80)
