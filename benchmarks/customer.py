"""An operator, and customers with credits and keys without limits, through the public API."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from benchmarks.stack import Stack

CREDITS = 100_000_000
SECONDS_TO_LIFT = 5.0
SECONDS_TO_SETTLE = 20.0


@dataclass
class Customer:
    http: httpx.Client
    token: str = field(repr=False)
    key: str = field(repr=False)
    key_id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.key}

    def millicredits(self) -> int:
        answer = self.http.get("/api/v1/credits", headers=_bearer(self.token))
        body = json.loads(answer.raise_for_status().text, parse_float=Decimal)
        return int(Decimal(body["credits"]) * 1_000)

    def settled_millicredits(self) -> int:
        """The balance once it stands still for a second: calls that were cut off may still be charged."""
        deadline = time.monotonic() + SECONDS_TO_SETTLE
        before, now = -1, self.millicredits()
        while before != now and time.monotonic() < deadline:
            time.sleep(1.0)
            before, now = now, self.millicredits()
        return now


@dataclass
class Operator:
    http: httpx.Client
    token: str = field(repr=False)

    @classmethod
    def of(cls, stack: Stack) -> "Operator":
        http = httpx.Client(base_url=stack.gateway, trust_env=False, timeout=30)
        return cls(http, _post(http, "/api/v1/auth/login", stack.content["operator"])["token"])

    def make_customer(self, credits: int = CREDITS) -> Customer:
        """With a key whose limits are lifted."""
        registered = self.register()
        account = f"/api/v1/admin/accounts/{registered['account']['id']}"
        _post(self.http, f"{account}/grants", {"credits": credits, "reason": "a benchmark"}, self.token)
        key = _post(self.http, "/api/v1/auth/api-key", {"name": "a benchmark"}, registered["token"])
        lifted = {"limits": {"per_minute": None, "per_day": None}}
        changed = self.http.patch(f"/api/v1/admin/api-keys/{key['id']}", json=lifted, headers=_bearer(self.token))
        changed.raise_for_status()
        _wait_until_unlimited(self.http, key["key"])
        return Customer(self.http, registered["token"], key["key"], key["id"])

    def register(self) -> dict[str, Any]:
        """A new account and a session of it."""
        person = {"email": f"bench-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(20)}
        return _post(self.http, "/api/v1/auth/register", person)

    def make_license(self, account_id: str) -> str:
        """The key of a license for 30 days; nobody gets mail of it."""
        wish = {"account_id": account_id, "days": 30, "send_mail": False}
        return str(_post(self.http, "/api/v1/admin/licenses", wish, self.token)["key"])

    def make_poor_customer(self) -> Customer:
        """With a key, and nothing left: what a first key needs was granted and taken back."""
        customer = self.make_customer(5_000)
        account = self.http.get("/api/v1/account", headers=_bearer(customer.token)).raise_for_status().json()
        left = {"credits": customer.millicredits() // 1_000, "reason": "a benchmark"}
        _post(self.http, f"/api/v1/admin/accounts/{account['id']}/debits", left, self.token)
        return customer

    @contextmanager
    def selling(self, upstream: str, customer: Customer, **route: Any) -> Iterator[str]:
        """The address below which that upstream is sold; the route is taken away afterwards. It costs the customer."""
        wish = {"name": f"bench-{secrets.token_hex(4)}", "upstream_url": upstream, **route}
        made = _post(self.http, "/api/v1/admin/routes", wish, self.token)
        try:
            self._wait_until_known(made["name"], customer)
            yield f"{str(self.http.base_url).rstrip('/')}/proxy/{made['name']}"
        finally:
            self.http.delete(f"/api/v1/admin/routes/{made['id']}", headers=_bearer(self.token)).raise_for_status()

    def _wait_until_known(self, name: str, customer: Customer) -> None:
        deadline = time.monotonic() + SECONDS_TO_LIFT
        while self.http.get(f"/proxy/{name}/ping", headers=customer.headers).status_code == 404:
            assert time.monotonic() < deadline, "the operator's route is not known"
            time.sleep(0.1)


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
