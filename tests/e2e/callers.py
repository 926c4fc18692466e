"""Those who use a running stack from outside: customers with keys, and the operator.

Credits are counted in millicredits here (an int), as the ledger does; JSON numbers are read exactly. Every customer
comes from a loopback address of its own, so no limit of one test reaches another. Whoever is answered 500 fails the
test: no fault and no input may bring one.
"""

import itertools
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import httpx

from tests.e2e.waiting import eventually

A = TypeVar("A")
R = TypeVar("R")

CREDIT = 1_000
"""Millicredits."""
FIRST_KEY = 5_000 * CREDIT
PASSWORD = "correct horse battery staple"
GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
ASKING_CARD = "4000002760003184"
"""Its bank asks for its owner each time, by 3-D Secure."""
SECONDS_TO_CREDIT = 2.0
SECONDS_TO_KNOW = 1.0
_numbers = itertools.count(1)


def exact(answer: httpx.Response) -> Any:
    """The JSON of an answer, with no float in it."""
    return json.loads(answer.text, parse_float=Decimal)


def millicredits(credits: int | Decimal | str) -> int:
    """A JSON number of credits, as the ledger counts."""
    whole = Decimal(credits) * CREDIT
    assert whole == int(whole), f"{credits} has more than three decimals"
    return int(whole)


def source_address() -> str:
    """A loopback address that nobody else has used, as likely as can be."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


def side_by_side(work: Callable[[A], R], arguments: Sequence[A], *, threads: int | None = None) -> list[R]:
    """The answers in the order of the arguments."""
    with ThreadPoolExecutor(threads or len(arguments)) as pool:
        return list(pool.map(work, arguments))


def connect(gateway: str, *, address: str | None = None) -> httpx.Client:
    """A client from an address; a 500 is an assertion."""
    return httpx.Client(
        base_url=gateway,
        trust_env=False,
        timeout=20,
        headers={"X-Forwarded-For": address or source_address()},
        event_hooks={"response": [_never_500]},
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=100),
    )


def _never_500(answer: httpx.Response) -> None:
    assert answer.status_code != 500, f"{answer.request.method} {answer.request.url}: 500 {answer.read()!r}"


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def problem_of(answer: httpx.Response, status: int, code: str) -> Any:
    """The problem document, once it is the expected refusal in the form of RFC 9457."""
    assert answer.status_code == status, f"{answer.status_code}, not {status}: {answer.text[:500]}"
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = exact(answer)
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "detail", "instance"} <= set(problem)
    return problem


@dataclass(frozen=True)
class Key:
    id: str
    text: str = field(repr=False)


@dataclass
class Customer:
    """One registered account, signed in."""

    http: httpx.Client
    email: str
    account_id: str
    token: str = field(repr=False)

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query, headers=bearer(self.token))

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return self.http.post(path, json=body, headers={**bearer(self.token), **headers})

    def send(self, method: str, path: str, body: object | None = None) -> httpx.Response:
        return self.http.request(method, path, json=body, headers=bearer(self.token))

    # Money.

    def wallet(self) -> dict[str, int]:
        """`credits`, `held` and `available` in millicredits."""
        answer = self.get("/api/v1/credits")
        assert answer.status_code == 200, answer.text
        body = exact(answer)
        return {name: millicredits(body[name]) for name in ("credits", "held", "available")}

    def credits(self) -> int:
        return self.wallet()["credits"]

    def transactions(self) -> list[dict[str, Any]]:
        """All of them, newest first; amounts in millicredits."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": 100}
        while True:
            answer = self.get("/api/v1/credits/transactions", **query)
            assert answer.status_code == 200, answer.text
            page = exact(answer)
            found += [
                {**one, "credits": millicredits(one["credits"]), "balance_after": millicredits(one["balance_after"])}
                for one in page["data"]
            ]
            if not page["has_more"]:
                return found
            query["after"] = page["next"]

    def checkout(self, credits: int = 5_000, **more: Any) -> httpx.Response:
        return self.post("/api/v1/credits/checkout", {"credits": credits, **more})

    def buy(self, credits: int = 5_000) -> str:
        """Credits bought and there; the payment's id."""
        before = self.credits()
        begun = self.checkout(credits)
        assert begun.status_code == 201, begun.text
        assert pay(begun.json()["checkout_url"]).status_code == 303
        wanted = before + credits * CREDIT
        eventually(lambda: self.credits() == wanted, seconds=SECONDS_TO_CREDIT, what="the credits are there")
        return str(begun.json()["payment_id"])

    def payment(self, payment_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/v1/payments/{payment_id}")
        assert answer.status_code == 200, answer.text
        payment: dict[str, Any] = exact(answer)
        return payment

    def save_card(self, card: str = GOOD_CARD) -> None:
        """A saved card, once it is listed."""
        begun = self.post("/api/v1/payment-methods", {})
        assert begun.status_code == 201, begun.text
        paid = pay(begun.json()["setup_url"], card)
        assert paid.status_code == 303
        if card == ASKING_CARD:
            authenticate(paid.headers["location"])
        eventually(lambda: self.get("/api/v1/payment-methods").json()["data"], seconds=10, what="the card is listed")

    # Keys and calls.

    def key(self, **more: Any) -> Key:
        answer = self.post("/api/v1/auth/api-key", {"name": "a key", **more})
        assert answer.status_code == 201, answer.text
        return Key(answer.json()["id"], answer.json()["key"])

    def call(self, key: Key, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        return self.http.request(method, f"/proxy/{path}", headers=bearer(key.text), **more)

    def record_of(self, answer: httpx.Response) -> dict[str, Any]:
        """What usage says of an answered call."""
        found = self.get(f"/api/v1/usage/requests/{answer.headers['x-request-id']}")
        assert found.status_code == 200, found.text
        record: dict[str, Any] = exact(found)
        return record


def register(gateway: str, *, address: str | None = None) -> Customer:
    """A new customer with nothing."""
    http = connect(gateway, address=address)
    email = f"customer-{os.getpid()}-{next(_numbers)}-{random.randrange(16**8):08x}@example.com"
    answer = http.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return Customer(http, email, answer.json()["account"]["id"], answer.json()["token"])


def pay(checkout_url: str, card: str = GOOD_CARD) -> httpx.Response:
    """The form of the payment page, filled in."""
    form = {"number": card, "exp": "12/34", "cvc": "123", "name": "Ada Lovelace"}
    return httpx.post(checkout_url, data=form, timeout=20, trust_env=False)


def authenticate(page: str) -> None:
    """The bank's page for 3-D Secure, passed."""
    answer = httpx.post(page, data={"outcome": "complete"}, timeout=20, trust_env=False)
    assert answer.status_code == 303, answer.text


def charged(answer: httpx.Response) -> int:
    return millicredits(answer.headers["x-credits-charged"])


@dataclass
class Operator:
    """The account that `make run` made for who runs the place. `prober` finds out whether a new route is known yet."""

    http: httpx.Client
    token: str = field(repr=False)
    upstream: str
    prober: "tuple[Customer, Key] | None" = None

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(f"/api/v1/admin/{path}", params=query, headers=bearer(self.token))
        assert answer.status_code == 200, answer.text
        return exact(answer)

    def send(self, method: str, path: str, body: object) -> httpx.Response:
        return self.http.request(method, f"/api/v1/admin/{path}", json=body, headers=bearer(self.token))

    def grant(self, customer: Customer, credits: int | float) -> None:
        body = {"credits": credits, "reason": "a test"}
        answer = self.send("POST", f"accounts/{customer.account_id}/grants", body)
        assert answer.status_code == 201, answer.text

    def refund(self, payment_id: str, amount_minor: int | None = None, *, currency: str = "usd") -> httpx.Response:
        """So much of it, or all that is left."""
        body = {} if amount_minor is None else {"amount": {"amount": amount_minor, "currency": currency}}
        return self.http.post(f"/api/v1/payments/{payment_id}/refund", json=body, headers=bearer(self.token))

    def limit(self, key: Key, *, per_minute: int | None, per_day: int | None) -> None:
        """None lifts a limit."""
        limits = {"per_minute": per_minute, "per_day": per_day}
        answer = self.send("PATCH", f"api-keys/{key.id}", {"limits": limits})
        assert answer.status_code == 200, answer.text

    def change(self, customer: Customer, **fields: Any) -> None:
        answer = self.send("PATCH", f"accounts/{customer.account_id}", fields)
        assert answer.status_code == 200, answer.text

    def route(self, path: str, *, price: Mapping[str, Any], **more: Any) -> str:
        """A new route to the demo upstream's `path`, once the gateway knows it; its name."""
        name = f"test-{random.randrange(16**10):010x}"
        body = {"name": name, "upstream_url": f"{self.upstream}{path}", "format": "auto", "price": price, **more}
        answer = self.send("POST", "routes", body)
        assert answer.status_code == 201, answer.text
        eventually(lambda: self._knows(name), seconds=SECONDS_TO_KNOW, what="the new route is known")
        return name

    def _knows(self, name: str) -> bool:
        if self.prober is None:
            probing = register(str(self.http.base_url))
            self.grant(probing, 1_000_000)
            self.prober = probing, probing.key()
            self.limit(self.prober[1], per_minute=None, per_day=None)
        customer, key = self.prober
        return "unknown_route" not in customer.call(key, f"{name}/probe").text

    def verify(self) -> dict[str, Any]:
        verdict: dict[str, Any] = self.get("ledger/verify")
        return verdict


def sign_in_operator(stack: Mapping[str, Any]) -> Operator:
    http = connect(stack["gateway"])
    answer = http.post("/api/v1/auth/login", json=stack["operator"])
    assert answer.status_code == 200, answer.text
    return Operator(http, answer.json()["token"], stack["services"]["demo_upstream"]["url"])
