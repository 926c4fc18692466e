"""Whether an answer is the platform's own word, given now and to us: HTTP Message Signatures (RFC 9421) with Ed25519.

Covered are the status, the body by its digest (Content-Digest, RFC 9530, SHA-256) and, as the signature's `nonce`, what
we drew for this one question: so an answer can't be made up, changed, or given a second time. In the body stands the
digest of the question (`request_digest`): so who stands between can't have another question answered, about a license
or a machine of theirs. TLS alone says less: whoever runs a machine can have it trust an authority of their own.

    "@status": 200
    "content-digest": sha-256=:...:
    "@signature-params": ("@status" "content-digest");created=...;keyid="...";alg="ed25519";nonce="..."
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tollgate_client.errors import UntrustedAnswer
from tollgate_client.public_keys import PublicKeys

NEEDED = frozenset({'"@status"', '"content-digest"'})

_NAME = r"[a-z*][a-z0-9_.*-]*"
_STRING = r'"[^"\\]*"'
_PARAMETER = rf";({_NAME})(?:=({_STRING}|-?[0-9]+|:[A-Za-z0-9+/=]*:))?"
_ITEM = _STRING
_MEMBER = re.compile(rf"({_NAME})=(\(((?:{_ITEM}(?: {_ITEM})*)?)\)((?:{_PARAMETER})*))")
_BYTES = re.compile(rf"({_NAME})=:([A-Za-z0-9+/=]*):")
_COMMA = re.compile(r"[ \t]*,[ \t]*")


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as it came: the header's values by names in lower case, the body's bytes as they were signed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Signature:
    components: tuple[str, ...]
    parameters: Mapping[str, str]
    written: str
    signature: bytes


def draw_nonce() -> str:
    """192 random bits, in characters that need no quoting."""
    return secrets.token_urlsafe(24)


def digest_of(body: bytes) -> str:
    """A body's `Content-Digest`."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signed_at(heard: Heard, *, public_keys: PublicKeys, nonce: str, now: datetime) -> datetime:
    """When the platform signed the answer, by its clock; `UntrustedAnswer` where no pinned key that is in use signed it
    for this nonce."""
    in_use = {kid: key for kid, key in public_keys.items() if key.retired_at is None or now <= key.retired_at}
    if not _has_digest(heard):
        raise UntrustedAnswer("the answer's body is not what its Content-Digest says")
    for signature in _signatures(heard.headers):
        if _is_for(signature, nonce) and _holds(signature, heard, in_use):
            return datetime.fromtimestamp(int(signature.parameters["created"]), UTC)
    raise UntrustedAnswer("no pinned key signed the answer for this question")


def _has_digest(heard: Heard) -> bool:
    told = dict(_members(_BYTES, heard.headers.get("content-digest", "")))
    return told.get("sha-256") == digest_of(heard.body).removeprefix("sha-256=").strip(":")


def _is_for(signature: _Signature, nonce: str) -> bool:
    told = signature.parameters
    is_ours = told.get("nonce") == f'"{nonce}"' and told.get("alg", '"ed25519"') == '"ed25519"'
    is_dated = re.fullmatch(r"[0-9]{1,11}", told.get("created", "")) is not None
    return is_ours and is_dated and set(signature.components) >= NEEDED


def _holds(signature: _Signature, heard: Heard, public_keys: PublicKeys) -> bool:
    key = public_keys.get(signature.parameters.get("keyid", "").strip('"'))
    base = _base(signature, heard)
    return key is not None and base is not None and key.holds(signature.signature, base)


def _base(signature: _Signature, heard: Heard) -> bytes | None:
    """What was signed; None where it covers what this client doesn't know, or one thing twice."""
    known = {
        '"@status"': str(heard.status),
        '"content-digest"': heard.headers["content-digest"].strip(),
    }
    if len(set(signature.components)) != len(signature.components) or not set(signature.components) <= known.keys():
        return None
    lines = [f"{component}: {known[component]}" for component in signature.components]
    return "\n".join([*lines, f'"@signature-params": {signature.written}']).encode()


def _signatures(headers: Mapping[str, str]) -> Iterator[_Signature]:
    """Those that are whole, of both headers by their labels."""
    written = dict(_members(_BYTES, headers.get("signature", "")))
    position, text = 0, headers.get("signature-input", "").strip()
    while (member := _MEMBER.match(text, position)) is not None:
        label, whole, components, parameters = member.group(1, 2, 3, 4)
        if label in written:
            told = dict(re.findall(_PARAMETER, parameters))
            yield _Signature(tuple(re.findall(_ITEM, components)), told, whole, _decoded(written[label]))
        comma = _COMMA.match(text, member.end())
        if comma is None:
            return
        position = comma.end()


def _members(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    """Names and values of a header that is a dictionary of bytes; nothing after what can't be read."""
    position, text = 0, text.strip()
    while (member := pattern.match(text, position)) is not None:
        yield member.group(1), member.group(2)
        comma = _COMMA.match(text, member.end())
        if comma is None:
            return
        position = comma.end()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
