"""Whether a webhook's body was signed by one of the endpoint's secrets, lately.

`Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>...]`; a signature is the HMAC-SHA-256 of `t.body` under the
whole secret. Other schemes (`v0`) are nothing. Every header, however odd, gets a yes or a no.
Source: docs.stripe.com/webhooks, "Verify manually".
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(seconds=300)
"""How far a stamp may be off, either way."""

_LONGEST_HEADER = 4_096
_LONGEST_STAMP = 12


def is_signed(body: bytes, header: str, *, secrets: Sequence[str], now: datetime) -> bool:
    """Any of `secrets` may have signed; an empty one signs nothing."""
    if len(header) > _LONGEST_HEADER or not header.isascii():
        return False
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(stamps) != 1 or not _is_fresh(stamps[0], now):
        return False
    signed = stamps[0].encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets if secret]
    matches = [hmac.compare_digest(wanted, given) for wanted in expected for given in signatures]
    return any(matches)


def _is_fresh(stamp: str, now: datetime) -> bool:
    if not stamp.isdigit() or len(stamp) > _LONGEST_STAMP:
        return False
    return abs(now.timestamp() - int(stamp)) <= TOLERANCE.total_seconds()


def sign(body: bytes, *, secret: str, at: datetime) -> str:
    """The header that Stripe would send; tests and tools sign with it."""
    stamp = str(int(at.astimezone(UTC).timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"
