"""Answers signed so that a false server can't say yes: HTTP Message Signatures (RFC 9421), Ed25519.

Covered are the status and the digest of the body (RFC 9530); the caller's nonce is a parameter of the signature, so
that an old answer is none to a new question. Pure.
"""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime

LABEL = "license"
NONCE = r"^[ !#-\[\]-~]{1,128}$"
"""Printable ASCII without `"` and `\\`: what stands in a structured field's string as it is."""

_COVERED = '("@status" "content-digest")'


def content_digest(body: bytes) -> str:
    """The `Content-Digest` of these bytes."""
    return f"sha-256=:{_base64(hashlib.sha256(body).digest())}:"


def signed_headers(
    sign: Callable[[bytes], bytes], *, kid: str, status: int, body: bytes, nonce: str | None, at: datetime
) -> dict[str, str]:
    """`Content-Digest`, `Signature-Input` and `Signature` of an answer. `at` is real time; `nonce` matches `NONCE`."""
    digest = content_digest(body)
    parameters = f'{_COVERED};created={int(at.timestamp())};keyid="{kid}";alg="ed25519"'
    if nonce is not None:
        parameters += f';nonce="{nonce}"'
    signature = sign(signature_base(status, digest, parameters))
    return {
        "Content-Digest": digest,
        "Signature-Input": f"{LABEL}={parameters}",
        "Signature": f"{LABEL}=:{_base64(signature)}:",
    }


def signature_base(status: int, digest: str, parameters: str) -> bytes:
    """What is signed (RFC 9421, section 2.5)."""
    return f'"@status": {status}\n"content-digest": {digest}\n"@signature-params": {parameters}'.encode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
