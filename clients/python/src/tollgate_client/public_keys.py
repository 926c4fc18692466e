"""The public keys that files and answers are checked with, and when each was in use.

They are pinned: got once by a way that you trust and shipped with your program. What comes along with a file, or is got
from the server that is to be checked, proves nothing.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key's 32 bytes. It signed from `not_before` to `retired_at`; None: without that bound."""

    key: bytes
    not_before: datetime | None = None
    retired_at: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.key) != 32:
            raise ValueError("a public key has 32 bytes")

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def was_in_use(self, at: datetime) -> bool:
        return (self.not_before is None or self.not_before <= at) and (self.retired_at is None or at <= self.retired_at)


PublicKeys = Mapping[str, PublicKey]
"""By their `kid`."""


def read_public_keys(text: str | bytes) -> dict[str, PublicKey]:
    """Keys from JSON: what `GET /api/v1/licenses/public-keys` answers, or an object of `kid` to base64. ValueError
    where it is neither, or holds none."""
    try:
        document = json.loads(text)
    except ValueError:
        raise ValueError("public keys are JSON, as the platform answers them") from None
    listed = document.get("data") if isinstance(document, dict) and "data" in document else document
    if isinstance(listed, dict):
        found = {kid: PublicKey(_bytes(key)) for kid, key in listed.items()}
    elif isinstance(listed, list) and all(isinstance(each, dict) for each in listed):
        found = {str(each["kid"]): _listed(each) for each in listed if each.get("alg", "ed25519") == "ed25519"}
    else:
        raise ValueError("neither a list of public keys nor an object of kid to key")
    if not found:
        raise ValueError("no public key")
    return found


def load_public_keys(path: str | Path) -> dict[str, PublicKey]:
    """Keys from a file that ships with your program."""
    return read_public_keys(Path(path).read_bytes())


def _listed(each: Mapping[str, Any]) -> PublicKey:
    try:
        return PublicKey(_bytes(each["public_key"]), _instant(each.get("not_before")), _instant(each.get("retired_at")))
    except KeyError as error:
        raise ValueError(f"a public key lacks {error}") from None


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("a public key is base64 text")
    return base64.b64decode(text, validate=True)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a key's time needs its offset")
    return at.astimezone(UTC)
