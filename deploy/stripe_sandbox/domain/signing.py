"""Webhook signatures: `t=<seconds>,v1=<hex HMAC-SHA256 over "t.body">`, keyed with the endpoint's whole
secret; while a secret is changed for another, there is one `v1` by each.

Source: Stripe's page "Verify webhook signatures manually".
"""

import hashlib
import hmac


def signature_header(body: bytes, *, secrets: tuple[str, ...], now: int) -> str:
    signed = f"{now}.".encode() + body
    by_each = [f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}" for secret in secrets]
    return ",".join([f"t={now}", *by_each])
