"""The shape of a license key (L3), and who can tell a right one.

    body = hex(SHA-512("customer_id:subscription_id:timestamp:random_salt"))
    seal = hex(HMAC-SHA-512(master_secret, body))
    key  = body + seal

`timestamp` is whole Unix seconds in decimal, `random_salt` 128 random bits or more in hex; all hex is in lower case,
and the HMAC is of the body's 128 hex digits as ASCII. So a key is 256 hex digits, 1024 bits, printed as 16 groups of 16
joined by `-`. Only who holds the master secret can tell a right key from a wrong one, and does so without a look-up.

Of a key we keep the SHA-256 of its 256 digits to find it by, and what it is made of, so that it can be shown again.
Pure; the master secret and randomness come from outside.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

SALT_BYTES = 16
SECRET_BYTES = 32
"""The least that a master secret may have."""
LONGEST_WRITTEN = 1_024
"""Characters of a key as somebody wrote it, with whatever between its digits."""

_HALF = 128
_GROUP = 16
_DIGITS = re.compile(rf"[0-9a-f]{{{2 * _HALF}}}", re.ASCII)
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015\u2212\ufeff\u200b]+")
"""Spaces, dashes and what word processors and mail programs make of them."""


@dataclass(frozen=True, slots=True, repr=False)
class LicenseKey:
    """256 hex digits in lower case, right or wrong. It has no repr, so that it reaches no log."""

    digits: str

    def __post_init__(self) -> None:
        assert _DIGITS.fullmatch(self.digits)

    @property
    def body(self) -> str:
        return self.digits[:_HALF]

    @property
    def seal(self) -> str:
        return self.digits[_HALF:]

    @property
    def hash(self) -> bytes:
        """What it is found by: SHA-256 of its digits."""
        return hashlib.sha256(self.digits.encode()).digest()

    def printed(self) -> str:
        """As people get it: 16 groups of 16."""
        return "-".join(self.digits[start : start + _GROUP] for start in range(0, 2 * _HALF, _GROUP))


@dataclass(frozen=True, slots=True, repr=False)
class Makings:
    """What a key's body is made of. `minted_at` counts in whole seconds. With the secret it makes the key again."""

    customer_id: str
    subscription_id: str
    minted_at: datetime
    salt: bytes

    def __post_init__(self) -> None:
        assert len(self.salt) >= SALT_BYTES and self.minted_at.tzinfo is not None


def make_license_key(makings: Makings, master_secret: bytes) -> LicenseKey:
    """The one key of these makings under this secret."""
    said = ":".join(
        (
            makings.customer_id,
            makings.subscription_id,
            str(int(makings.minted_at.timestamp())),
            makings.salt.hex(),
        )
    )
    body = hashlib.sha512(said.encode()).hexdigest()
    return LicenseKey(body + _seal(body, master_secret))


def read_license_key(written: str) -> LicenseKey | None:
    """A key as somebody wrote it: case, spaces and dashes don't matter. None where it is no 256 hex digits."""
    if len(written) > LONGEST_WRITTEN:
        return None
    digits = written.replace("-", "").lower()  # as we print it; the pattern costs more than the seal's HMAC
    if not _DIGITS.fullmatch(digits):
        digits = _BETWEEN.sub("", written).lower()
        if not _DIGITS.fullmatch(digits):
            return None
    return LicenseKey(digits)


def version_that_sealed(key: LicenseKey, master_secrets: Mapping[int, bytes]) -> int | None:
    """Which of the secrets, by version, sealed the key; None where none did: it is forged, or mistyped. Takes the same
    time for every key."""
    found = None
    for version, secret in master_secrets.items():
        if hmac.compare_digest(_seal(key.body, secret), key.seal):
            found = version
    return found


def _seal(body: str, master_secret: bytes) -> str:
    assert len(master_secret) >= SECRET_BYTES
    return hmac.digest(master_secret, body.encode(), "sha512").hex()
