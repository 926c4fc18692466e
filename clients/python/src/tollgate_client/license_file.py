"""A license file taken apart: its shape, its signature, its claims. The format is the platform's docs/license-files.md.

Strict: what could be read in two ways is refused. Nothing that a file says is believed, or decrypted, before its
signature holds.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tollgate_client.verdict import Claims

BEGIN = "-----BEGIN LICENSE FILE-----"
END = "-----END LICENSE FILE-----"
PLAIN = "ed25519"
ENCRYPTED = "aes-256-gcm+ed25519"
LONGEST = 256 * 1024
"""Characters; a file has about one thousand."""

_SIGNED_PREFIX = b"license/"
_KEY_INFO = b"tollgate license file"
_SALT, _NONCE, _TAG = 16, 12, 16
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_MEMBERS = ("enc", "sig", "alg", "kid")


class Malformed(ValueError):
    """The text is no license file. Stays inside this package: callers get a verdict."""


class NotReadable(ValueError):
    """The claims are encrypted to another fingerprint. Stays inside this package."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A file's parts, of which nothing is believed yet."""

    enc: str
    signature: bytes
    alg: str
    kid: str

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return _SIGNED_PREFIX + self.enc.encode()

    def claims(self, fingerprint: str | None) -> Claims:
        """What the file says; to be asked for once the signature holds. `NotReadable` where it is encrypted to another
        fingerprint."""
        payload = _decoded(self.enc)
        return _claims_of(payload if self.alg == PLAIN else _decrypted(payload, fingerprint))


def open_envelope(text: object) -> Envelope:
    """The parts of a file's text, or of its bytes, which are ASCII; `Malformed` where it has none, or is neither."""
    if isinstance(text, str | bytes) and len(text) > LONGEST:
        raise Malformed("it is too long")
    inner = _read(text).strip()
    if not (inner.startswith(BEGIN) and inner.endswith(END) and len(inner) >= len(BEGIN) + len(END)):
        raise Malformed("it does not stand between the lines of a license file")
    body = re.sub(r"[ \t\r\n]+", "", inner[len(BEGIN) : len(inner) - len(END)])
    outer = _object(_decoded(body))
    if set(outer) != set(_MEMBERS) or not all(isinstance(value, str) for value in outer.values()):
        raise Malformed("it does not have just enc, sig, alg and kid")
    if outer["alg"] not in (PLAIN, ENCRYPTED) or not outer["enc"].isascii():
        raise Malformed("its alg is none that exists")
    return Envelope(outer["enc"], _decoded(outer["sig"]), outer["alg"], outer["kid"])


def _read(text: object) -> str:
    if isinstance(text, bytes):
        try:
            return text.decode("ascii")
        except UnicodeDecodeError:
            raise Malformed("its bytes are not ASCII") from None
    if not isinstance(text, str):
        raise Malformed("it is no text")
    return text


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("it is no base64") from None
    if base64.b64encode(data).decode() != text:
        raise Malformed("its base64 is not as it is written")  # spare bits: two texts would mean the same
    return data


def _object(data: bytes) -> dict[str, Any]:
    try:
        read = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise Malformed("it holds no JSON") from None
    if not isinstance(read, dict):
        raise Malformed("it holds no JSON object")
    return read


def _decrypted(payload: bytes, fingerprint: str | None) -> bytes:
    if len(payload) < _SALT + _NONCE + _TAG:
        raise Malformed("its encrypted claims are cut short")
    if fingerprint is None:
        raise NotReadable("its claims are encrypted, and no fingerprint is given")
    salt, nonce, sealed = payload[:_SALT], payload[_SALT : _SALT + _NONCE], payload[_SALT + _NONCE :]
    key = HKDF(SHA256(), 32, salt=salt, info=_KEY_INFO).derive(fingerprint.encode())
    try:
        return AESGCM(key).decrypt(nonce, sealed, None)
    except InvalidTag:
        raise NotReadable("its claims are encrypted to another fingerprint") from None


def _claims_of(data: bytes) -> Claims:
    """Unknown claims are left alone; those that are known must be what they are said to be."""
    said = _object(data)
    expires_at = _instant(said, "expires_at")
    grace = timedelta(seconds=_integer(said, "grace_seconds", 0))
    if grace > datetime.max.replace(tzinfo=UTC) - expires_at:
        raise Malformed("its grace has no end")
    return Claims(
        license_id=_text(said, "license_id"),
        server_id=_text(said, "server_id"),
        audience=_text(said, "audience"),
        entitlements=_texts(said, "entitlements"),
        issued_at=_instant(said, "issued_at"),
        expires_at=expires_at,
        ends_at=expires_at + grace,
        sequence=_integer(said, "sequence", 1),
        fingerprint=None if said.get("fingerprint") is None else _text(said, "fingerprint"),
    )


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"its claim {name} is no text")
    return value


def _texts(said: dict[str, Any], name: str) -> frozenset[str]:
    value = said.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Malformed(f"its claim {name} is no list of texts")
    return frozenset(value)


def _integer(said: dict[str, Any], name: str, least: int) -> int:
    value = said.get(name)
    if type(value) is not int or not least <= value < 2**53 or (name == "grace_seconds" and value > 10**10):
        raise Malformed(f"its claim {name} is no such number")
    return value


def _instant(said: dict[str, Any], name: str) -> datetime:
    text = _text(said, name)
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError(text)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise Malformed(f"its claim {name} is no time in UTC") from None
