"""The shape of an API key (S1).

A key is `tg_live_`, 43 url-safe characters (32 random bytes), `_`, and a check of 6: the CRC-32 of all before that last
`_`, in base62. Secret scanners find it by its shape, and a typo is refused without a look-up. Keys imported from an
earlier system have any shape but this one's beginning. Only a key's SHA-256 is ever kept.
"""

import base64
import hashlib
import re
import zlib
from dataclasses import dataclass

PREFIX = "tg_live_"
RESERVED_BEGINNING = "tg_"
SECRET_BYTES = 32
SHOWN_PREFIX_LENGTH = 12
LONGEST_IMPORTED = 512

_CHECK_LENGTH = 6
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"tg_live_[A-Za-z0-9_-]{43}_[0-9A-Za-z]{6}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """A key at the one moment when we know it. It has no repr, so that it reaches no log."""

    text: str

    @property
    def hash(self) -> bytes:
        return key_hash(self.text)

    @property
    def prefix(self) -> str:
        return self.text[:SHOWN_PREFIX_LENGTH]

    @property
    def last4(self) -> str:
        return self.text[-4:]


@dataclass(frozen=True, slots=True, repr=False)
class PresentedKey:
    """What a caller sent as his key, and what it would be found by."""

    text: str
    digest: bytes


def presented(text: str) -> PresentedKey:
    return PresentedKey(text, key_hash(text))


def make_key(secret: bytes) -> NewKey:
    """The key of 32 random bytes."""
    assert len(secret) == SECRET_BYTES
    body = PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return NewKey(f"{body}_{check_of(body)}")


def check_of(body: str) -> str:
    """CRC-32 (zlib's) in base62, zero-padded to 6 characters."""
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def may_exist(presented: str) -> bool:
    """Whether a look-up is worth it: our own shape with a right check, or an imported key of any other shape."""
    if not presented.startswith(RESERVED_BEGINNING):
        return 0 < len(presented) <= LONGEST_IMPORTED
    if _SHAPE.fullmatch(presented) is None:
        return False
    body, check = presented[: -_CHECK_LENGTH - 1], presented[-_CHECK_LENGTH:]
    return check_of(body) == check


def key_hash(presented: str) -> bytes:
    """What a key is found by."""
    return hashlib.sha256(presented.encode("utf-8", "surrogateescape")).digest()
