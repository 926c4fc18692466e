"""Identifiers: 128 bits, of which the first 48 are unix milliseconds and the other 80 random.

Their public form is a kind and 26 Crockford base32 characters (`acct_01J...`, the ULID layout), so that they
sort by time as text. The same bits as a `UUID` are a transfer's or a hold's id.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import AnyStr, Generic, TypeVar
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as _FastUUID

T = TypeVar("T")

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_TIME_SHIFTS = tuple(range(40, -1, -10))
_AS_PYTHON_READS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_TEXT_LENGTH = 26
_ENTROPY_BYTES = 10
_RANDOM_LENGTH = 16
_BLOCK_BYTES = 4_080
"""A multiple of both lengths."""
_CHARACTER_OF_BYTE = bytes(ord(_ALPHABET[byte % 32]) for byte in range(256))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MAX = 1 << 128


def new_uuid(*, at: datetime, entropy: bytes | None = None) -> UUID:
    """A fresh id whose time is `at`; `entropy` (10 bytes) is drawn from the system unless a test gives it."""
    noise = _drawn() if entropy is None else entropy
    assert len(noise) == _ENTROPY_BYTES
    return UUID(int=(milliseconds(at) << 80) | int.from_bytes(noise, "big"))


def new_id(prefix: str, *, at: datetime, entropy: bytes | None = None) -> str:
    """A fresh public id: `new_id("acct", at=now)` -> `acct_01J...`."""
    return encode(prefix, new_uuid(at=at, entropy=entropy))


def new_id_at(prefix: str, unix_ms: int) -> str:
    """The same of unix milliseconds, where microseconds count: the time's ten characters are those of the last id of
    the same millisecond, the sixteen random ones are drawn as text."""
    return f"{prefix}_{_time_characters(unix_ms)}{_drawn_text()}"


def new_uuid_text_at(unix_ms: int) -> str:
    """A fresh id as a UUID's text, without the object."""
    return _dashed((unix_ms << 80) | int.from_bytes(_drawn(), "big"))


def uuid_from(text: str) -> UUID:
    """The id of a text of 32 hexadecimal digits, dashes aside; ValueError where it is none. A tenth of what the
    standard library's own takes, and a UUID like any other."""
    return _FastUUID(text)  # type: ignore[no-any-return]


def encode(prefix: str, value: UUID) -> str:
    """The public form of an id."""
    return f"{prefix}_{_characters(value.int)}"


def decode(prefix: str, text: str) -> UUID | None:
    """The bits of a public id, or None where `text` is no id of that kind."""
    number = _number(prefix, text)
    return None if number is None else UUID(int=number)


def uuid_text_of(prefix: str, text: str) -> str | None:
    """The same bits as a UUID's text, without the object."""
    number = _number(prefix, text)
    return None if number is None else _dashed(number)


def _characters(number: int, shifts: Iterable[int] = _SHIFTS) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in shifts])


@lru_cache(maxsize=1)
def _time_characters(unix_ms: int) -> str:
    return _characters(unix_ms, _TIME_SHIFTS)


def _number(prefix: str, text: str) -> int | None:
    head, _, body = text.rpartition("_")
    if head != prefix or len(body) != _TEXT_LENGTH or body.strip(_ALPHABET):
        return None
    number = int(body.translate(_AS_PYTHON_READS), 32)
    return number if number < _MAX else None


def _dashed(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class _Pool(Generic[T]):
    """Entropy drawn in blocks, each piece given out once: taking one is a single step of an iterator, so threads share
    it, and a forked child begins with a block of its own."""

    def __init__(self, cut: Callable[[bytes], Iterator[T]]) -> None:
        self._cut = cut
        self._pieces: Iterator[T] = iter(())
        os.register_at_fork(after_in_child=self._empty)

    def take(self) -> T:
        for piece in self._pieces:
            return piece
        pieces = self._cut(os.urandom(_BLOCK_BYTES))
        drawn = next(pieces)
        self._pieces = pieces
        return drawn

    def _empty(self) -> None:
        self._pieces = iter(())


def _in_pieces(block: AnyStr, length: int) -> Iterator[AnyStr]:
    return iter([block[at : at + length] for at in range(0, len(block), length)])


def _as_characters(block: bytes) -> str:
    """Five bits of each byte are a character, which is as random as they are."""
    return block.translate(_CHARACTER_OF_BYTE).decode("ascii")


_drawn = _Pool(lambda block: _in_pieces(block, _ENTROPY_BYTES)).take
_drawn_text = _Pool(lambda block: _in_pieces(_as_characters(block), _RANDOM_LENGTH)).take


def milliseconds(at: datetime) -> int:
    """Unix milliseconds of an aware instant."""
    return (at - _EPOCH) // _MILLISECOND


def instant_of(value: UUID) -> datetime:
    """The time that an id names, to the millisecond."""
    return _EPOCH + (value.int >> 80) * _MILLISECOND


def first_uuid_at(at: datetime) -> UUID:
    """The smallest id of an instant: the lower bound of a partition or a range."""
    return UUID(int=milliseconds(at) << 80)
