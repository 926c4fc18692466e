"""Sealing (ChaCha20-Poly1305, RFC 8439), blind indexes and digests.

A sealed value is `version (2 bytes) | nonce (12) | ciphertext and tag`. Its context is authenticated with it, so
that a value moved to another row or column does not open.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION_BYTES = 2
_NONCE_BYTES = 12
_HEAD_BYTES = _VERSION_BYTES + _NONCE_BYTES


class CannotUnseal(Exception):
    """The key is not at hand, or the value or its context was changed."""


def seal(plaintext: bytes, keys: Mapping[int, bytes], context: str) -> bytes:
    """Encrypt under the highest version of `keys` (32 bytes each), bound to `context`."""
    version = max(keys)
    nonce = os.urandom(_NONCE_BYTES)
    sealed = ChaCha20Poly1305(keys[version]).encrypt(nonce, plaintext, context.encode())
    return version.to_bytes(_VERSION_BYTES, "big") + nonce + sealed


def unseal(sealed: bytes, keys: Mapping[int, bytes], context: str) -> bytes:
    """What `seal` took, or CannotUnseal."""
    version = int.from_bytes(sealed[:_VERSION_BYTES], "big")
    key = keys.get(version)
    if key is None:
        raise CannotUnseal(f"no key of version {version}")
    nonce = sealed[_VERSION_BYTES:_HEAD_BYTES]
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed[_HEAD_BYTES:], context.encode())
    except InvalidTag as error:
        raise CannotUnseal("the value or its context was changed") from error


def derive_key(secret: bytes, *, salt: bytes, info: str) -> bytes:
    """32 bytes from a secret (HKDF-SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info.encode()).derive(secret)


def blind_index(value: str, key: bytes) -> str:
    """A keyed digest by which a sealed value can be looked up (hex, HMAC-SHA-256)."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def sha256(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
