"""The stack's secrets: made at the first start, kept in `secrets.json` (0600), the same ever after.

Each service has its own signing key, database password, sealing key and pepper, so that none can read or
speak for another; only the blind index key is shared, by which the gateway and fraud know an email without
seeing it. A service that comes later gets its own when it is first seen.
"""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.runner.files import read_json, write_json

KEY_BYTES = 32


@dataclass(frozen=True)
class Keyring:
    """What `secrets.json` holds. Its repr shows nothing."""

    _content: dict[str, Any]

    def __repr__(self) -> str:
        return "Keyring(...)"

    def shared(self, name: str) -> str:
        return str(self._content["shared"][name])

    def of(self, service: str, name: str) -> str:
        return str(self._content["services"][service][name])

    def public_keys(self) -> dict[str, str]:
        """Each service's public key, by its name: how the others know that it speaks."""
        return {name: str(of["public_key"]) for name, of in self._content["services"].items()}


def open_keyring(file: Path, services: list[str]) -> Keyring:
    kept = read_json(file) or {}
    before = kept.get("services", {})
    new = {name: _service_secrets() for name in services if name not in before}
    content = {"shared": _shared_secrets() | kept.get("shared", {}), "services": before | new}
    if content != kept:
        write_json(file, content)
    return Keyring(content)


def _shared_secrets() -> dict[str, str]:
    return {
        "blind_index_key": _key(),
        "seal_signing_key": _key(),
        "license_master_secret": secrets.token_urlsafe(2 * KEY_BYTES),
        "metrics_token": secrets.token_urlsafe(KEY_BYTES),
        "operator_email": "operator@tollgate.local",
        "operator_password": secrets.token_urlsafe(18),
        "stripe_secret_key": f"sk_test_{_letters_and_digits(24)}",
        "stripe_publishable_key": f"pk_test_{_letters_and_digits(24)}",
        "stripe_webhook_secret": f"whsec_{_letters_and_digits(32)}",
    }


def _service_secrets() -> dict[str, str]:
    signing_key = _key()
    return {
        "signing_key": signing_key,
        "public_key": _public_key(signing_key),
        "database_password": secrets.token_urlsafe(24),
        "seal_key": _key(),
        "idempotency_pepper": _key(),
    }


def _key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _public_key(seed: str) -> str:
    """Imported only here: the runner stays, and the library is large."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    private = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(seed))
    return base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).decode()


def _letters_and_digits(length: int) -> str:
    return secrets.token_hex(length)[:length]
