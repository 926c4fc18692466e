"""License files: signed claims that anybody with the public key checks without asking us. docs/license-files.md gives
the format byte for byte.

    claims    JSON in UTF-8
    enc       base64 of the claims, or, encrypted, of salt (16) | nonce (12) | ciphertext | tag (16)
    sig       base64 of the Ed25519 signature over the ASCII of "license/" + enc
    file      base64 of the JSON {enc, sig, alg, kid}, in lines of 64 characters between BEGIN and END

A file grants no more than its license does: it ends with what was paid and its grace, or before, where less was asked
for. Instants are business time in whole seconds, rounded down. Pure; salt and nonce come from outside.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.licensing.domain.license import License
from services.licensing.domain.signing_key import SigningKey

BEGIN = "-----BEGIN LICENSE FILE-----"
END = "-----END LICENSE FILE-----"
PLAIN = "ed25519"
ENCRYPTED = "aes-256-gcm+ed25519"
SIGNED_PREFIX = b"license/"
KEY_INFO = b"tollgate license file"
SALT_BYTES = 16
NONCE_BYTES = 12
SHORTEST_TTL = timedelta(seconds=60)
LONGEST_TTL = timedelta(days=366)
ENDLESS_TTL = timedelta(days=30)
"""How long a file of a license without an end lasts where nobody says."""

_LINE = 64
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a file says. `expires_at` and `grace_seconds` are the file's own. `sequence` grows with each file of the
    license, so that an older one can be told from a newer."""

    license_id: str
    server_id: str
    audience: str
    entitlements: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    grace_seconds: int
    sequence: int
    fingerprint: str | None

    def as_json(self) -> bytes:
        """The bytes that are signed, or encrypted and signed."""
        said = {
            "license_id": self.license_id,
            "server_id": self.server_id,
            "audience": self.audience,
            "entitlements": list(self.entitlements),
            "issued_at": _said(self.issued_at),
            "expires_at": _said(self.expires_at),
            "grace_seconds": self.grace_seconds,
            "sequence": self.sequence,
            "fingerprint": self.fingerprint,
        }
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Term:
    """How long a file lasts: to `expires_at`, and `grace_seconds` more."""

    expires_at: datetime
    grace_seconds: int


@dataclass(frozen=True, slots=True, repr=False)
class Encryption:
    """To whom claims are readable: who knows the fingerprint. Salt and nonce are used once."""

    fingerprint: str
    salt: bytes
    nonce: bytes

    def __post_init__(self) -> None:
        assert len(self.salt) == SALT_BYTES and len(self.nonce) == NONCE_BYTES

    def of(self, claims: bytes) -> bytes:
        key = HKDF(SHA256(), 32, salt=self.salt, info=KEY_INFO).derive(self.fingerprint.encode())
        return self.salt + self.nonce + AESGCM(key).encrypt(self.nonce, claims, None)


def term_of(license: License, *, now: datetime, ttl: timedelta | None) -> Term:
    """The file of a license that is valid or in its grace now. With a `ttl`, expiry and grace together are no longer
    than it; without one the file ends with the license, or after `ENDLESS_TTL` where that has no end."""
    now = _whole(now)
    asked = now + (ttl or (LONGEST_TTL if license.expires_at else ENDLESS_TTL))
    if license.expires_at is None:
        return Term(asked, 0)
    expires_at = _whole(min(asked, license.expires_at))
    ends_at = min(asked, license.expires_at + timedelta(seconds=license.grace_seconds))
    return Term(expires_at, max(0, (ends_at - expires_at) // _SECOND))


def file_of(claims: Claims, key: SigningKey, encryption: Encryption | None = None) -> str:
    """The file's text."""
    plain = claims.as_json()
    enc = base64.b64encode(plain if encryption is None else encryption.of(plain))
    outer = {
        "enc": enc.decode(),
        "sig": base64.b64encode(key.sign(SIGNED_PREFIX + enc)).decode(),
        "alg": PLAIN if encryption is None else ENCRYPTED,
        "kid": key.kid,
    }
    text = base64.b64encode(json.dumps(outer, separators=(",", ":")).encode()).decode()
    lines = (text[start : start + _LINE] for start in range(0, len(text), _LINE))
    return "".join(f"{line}\n" for line in (BEGIN, *lines, END))


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def _said(instant: datetime) -> str:
    assert instant.microsecond == 0
    return instant.isoformat().replace("+00:00", "Z")
