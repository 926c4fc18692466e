"""License files for the client's tests, signed by the service's own domain code."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.licensing.domain.license_file import Claims, Encryption, file_of
from services.licensing.domain.signing_key import SigningKey, signing_key_of
from tollgate_client import PublicKey, Verdict, verify

ISSUED_AT = datetime(2027, 1, 31, 12, tzinfo=UTC)
EXPIRES_AT = datetime(2027, 2, 28, 12, tzinfo=UTC)
NOW = ISSUED_AT + timedelta(days=3)
GRACE = timedelta(days=3)
AUDIENCE = "https://tollgate.example"
FINGERPRINT = "9f86d081884c7d65"
KEY = signing_key_of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_KEY = signing_key_of(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
CLAIMS = Claims(
    license_id="lic_01K0000000000000000000000A",
    server_id="web-1",
    audience=AUDIENCE,
    entitlements=("export", "söder"),
    issued_at=ISSUED_AT,
    expires_at=EXPIRES_AT,
    grace_seconds=int(GRACE.total_seconds()),
    sequence=2,
    fingerprint=FINGERPRINT,
)


def pinned(key: SigningKey = KEY, **bounds: datetime) -> dict[str, PublicKey]:
    """That key alone, as a program would ship it."""
    return {key.kid: PublicKey(key.public_key, **bounds)}


def signed(*, key: SigningKey = KEY, encrypted_to: str | None = None, **changed: Any) -> str:
    """A file as the platform makes it, with some claims of your own."""
    encryption = Encryption(encrypted_to, bytes(16), bytes(12)) if encrypted_to is not None else None
    return file_of(replace(CLAIMS, **changed), key, encryption)


def judged(text: str | bytes | None, **changed: Any) -> Verdict:
    """The client's verdict on a file, on the machine that `CLAIMS` is for."""
    terms: dict[str, Any] = {
        "public_keys": pinned(),
        "now": NOW,
        "audience": AUDIENCE,
        "server_id": "web-1",
        "fingerprint": FINGERPRINT,
        **changed,
    }
    return verify(text, **terms)
