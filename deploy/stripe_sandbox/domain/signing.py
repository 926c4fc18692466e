"""Webhook signatures: `t=<seconds>,v1=<hex HMAC-SHA256 over "t.body">`, keyed with the endpoint's whole
secret.

Source: Stripe's page "Verify webhook signatures manually".
"""

import hashlib
import hmac


def signature_header(body: bytes, *, secret: str, now: int) -> str:
    signed = f"{now}.".encode() + body
    return f"t={now},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
