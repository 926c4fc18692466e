"""Keys that sign license files and answers (Ed25519, RFC 8032).

One key signs at a time: from `not_before`, before `retired_at`. What it signed then stays good, so its public part
stays listed. Its successor is listed before it signs, so that whoever keeps the list for a while knows the key already.
Pure; instants are business time, as those that the keys sign.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_KID_CHARACTERS = 16


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """What signs. It has no repr, so that it reaches no log."""

    kid: str
    private_key: Ed25519PrivateKey

    @property
    def public_key(self) -> bytes:
        """Its 32 bytes."""
        return self.private_key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self.private_key.sign(message)


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A public key, and when its private part signs. `retired_at` may lie ahead: until then it signs."""

    kid: str
    public_key: bytes
    not_before: datetime
    retired_at: datetime | None

    def signs_at(self, now: datetime) -> bool:
        return self.not_before <= now and (self.retired_at is None or now < self.retired_at)


def signing_key_of(private_key: Ed25519PrivateKey) -> SigningKey:
    """The key under its name, which is the head of its public part's SHA-256."""
    return SigningKey(kid_of(private_key.public_key().public_bytes_raw()), private_key)


def kid_of(public_key: bytes) -> str:
    """16 hex digits."""
    return sha256(public_key).hexdigest()[:_KID_CHARACTERS]


def signer_at(keys: Iterable[ListedKey], now: datetime) -> ListedKey:
    """The one of one or more keys that signs now. A machine whose clock is behind that of the one which made the first
    key signs with it all the same."""
    listed = sorted(keys, key=lambda key: key.not_before)
    return next((key for key in reversed(listed) if key.signs_at(now)), listed[0])
