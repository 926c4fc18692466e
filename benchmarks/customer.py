"""A customer with credits and a key without limits, made through the public API."""

import json
import secrets
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from benchmarks.stack import Stack

CREDITS = 1_000_000
SECONDS_TO_LIFT = 3.0


@dataclass
class Customer:
    http: httpx.Client
    token: str = field(repr=False)
    key: str = field(repr=False)

    def millicredits(self) -> int:
        answer = self.http.get("/api/v1/credits", headers=_bearer(self.token))
        body = json.loads(answer.raise_for_status().text, parse_float=Decimal)
        return int(Decimal(body["credits"]) * 1_000)


def make_customer(stack: Stack) -> Customer:
    http = httpx.Client(base_url=stack.gateway, trust_env=False, timeout=30)
    operator = _post(http, "/api/v1/auth/login", stack.content["operator"])["token"]
    person = {"email": f"bench-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(20)}
    registered = _post(http, "/api/v1/auth/register", person)
    grant = {"credits": CREDITS, "reason": "a benchmark"}
    _post(http, f"/api/v1/admin/accounts/{registered['account']['id']}/grants", grant, operator)
    key = _post(http, "/api/v1/auth/api-key", {"name": "a benchmark"}, registered["token"])
    lifted = {"limits": {"per_minute": None, "per_day": None}}
    http.patch(f"/api/v1/admin/api-keys/{key['id']}", json=lifted, headers=_bearer(operator)).raise_for_status()
    _wait_until_unlimited(http, key["key"])
    return Customer(http, registered["token"], key["key"])


def _wait_until_unlimited(http: httpx.Client, key: str) -> None:
    """A lifted limit holds within a second; until then the bucket would refuse, and too many refusals are abuse."""
    deadline = time.monotonic() + SECONDS_TO_LIFT
    while "ratelimit-policy" in http.get("/proxy/echo/limits", headers=_bearer(key)).raise_for_status().headers:
        assert time.monotonic() < deadline, "the operator's change of limits does not hold"
        time.sleep(0.1)


def _post(http: httpx.Client, path: str, body: object, token: str = "") -> dict[str, Any]:
    answer = http.post(path, json=body, headers=_bearer(token) if token else {})
    made: dict[str, Any] = answer.raise_for_status().json()
    return made


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
