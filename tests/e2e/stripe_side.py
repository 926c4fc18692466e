"""What Stripe does, done by hand: its objects read, its webhooks signed and sent."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

API_KEY = "sk_test_anything"


@dataclass
class StripeSide:
    """The sandbox, its webhook secret, and the platform's own webhook address."""

    sandbox: str
    secret: str
    gateway: str

    def deliver(self, mode: str) -> None:
        self.control("delivery", {"mode": mode})

    def control(self, path: str, body: Any) -> Any:
        """One of the sandbox's own levers."""
        answer = httpx.post(f"{self.sandbox}/test/{path}", json=body, trust_env=False, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def charge_of(self, payment_id: str) -> str:
        """The id of the charge that paid it."""
        charges = self.get("charges", limit=100)["data"]
        return next(str(one["id"]) for one in charges if one["metadata"].get("payment_id") == payment_id)

    def get(self, path: str, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        answer = httpx.get(f"{self.sandbox}/v1/{path}", params=query, headers=headers, trust_env=False, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def session(self, checkout_url: str) -> Any:
        """The checkout session behind a payment page's address."""
        session_id = next(part for part in checkout_url.replace("?", "/").split("/") if part.startswith("cs_"))
        return self.get(f"checkout/sessions/{session_id}")

    def completed_event(self, session: Any) -> Any:
        """The event that tells of this session's payment."""
        events = self.get("events", type="checkout.session.completed", limit=100)["data"]
        return next(event for event in events if event["data"]["object"]["id"] == session["id"])

    def signature(self, body: bytes, *, age_seconds: int = 0, secret: str | None = None, scheme: str = "v1") -> str:
        stamp = int(time.time()) - age_seconds
        signed = hmac.new(
            (self.secret if secret is None else secret).encode(), f"{stamp}.".encode() + body, hashlib.sha256
        )
        return f"t={stamp},{scheme}={signed.hexdigest()}"

    def send(self, event: Any, signature: str | None = None, *, path: str = "/api/webhooks/stripe") -> httpx.Response:
        """An event, signed well unless a signature is given; bytes are sent as they are."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        given = {"Stripe-Signature": self.signature(body) if signature is None else signature}
        headers = {"Content-Type": "application/json", **(given if given["Stripe-Signature"] else {})}
        return httpx.post(f"{self.gateway}{path}", content=body, headers=headers, trust_env=False, timeout=20)
