"""From an HTTP request to an operation and back: key, faults, form, idempotency, expansion, errors.

The order is Stripe's: 401 before anything, an unknown address 404, then the form. An operation and its
kept answer share one transaction, so after a crash either both are there or neither.
"""

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox.api import (
    balance,
    billing_portal,
    charges,
    checkout_sessions,
    customers,
    disputes,
    events,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    prices,
    products,
    refunds,
    setup_intents,
    subscription_items,
    subscriptions,
)
from deploy.stripe_sandbox.api.faults import Fault, fault_body
from deploy.stripe_sandbox.api.lists import as_list
from deploy.stripe_sandbox.api.operation import Answer, Given, Operation
from deploy.stripe_sandbox.bodies import read_body
from deploy.stripe_sandbox.domain import errors, forms
from deploy.stripe_sandbox.domain.balance_transactions import transaction_at
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.events import Cause
from deploy.stripe_sandbox.domain.expansion import expand
from deploy.stripe_sandbox.domain.ids import new_id
from deploy.stripe_sandbox.domain.values import API_VERSION, Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.store.answers import KeptAnswer
from deploy.stripe_sandbox.use_cases.turn import Turn, random_letters

MAX_BODY_BYTES = 1 << 20
MAX_KEY_LENGTH = 255

OPERATIONS: tuple[Operation, ...] = (
    *customers.OPERATIONS,
    *products.OPERATIONS,
    *prices.OPERATIONS,
    *checkout_sessions.OPERATIONS,
    *payment_intents.OPERATIONS,
    *setup_intents.OPERATIONS,
    *payment_methods.OPERATIONS,
    *charges.OPERATIONS,
    *refunds.OPERATIONS,
    *disputes.OPERATIONS,
    *balance.OPERATIONS,
    *subscriptions.OPERATIONS,
    *subscription_items.OPERATIONS,
    *invoices.OPERATIONS,
    *invoice_payments.OPERATIONS,
    *billing_portal.OPERATIONS,
    *events.OPERATIONS,
)


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    desk = Desk(sandbox)
    known: list[BaseRoute] = [
        Route(operation.path, desk.endpoint(operation), methods=[operation.method]) for operation in OPERATIONS
    ]
    anything = ["GET", "POST", "DELETE", "PUT", "PATCH"]
    return [*known, Route("/v1/{rest:path}", desk.endpoint(None), methods=anything)]


@dataclass(frozen=True)
class Asked:
    """A request that has been read: who, what and with which key."""

    request_id: str
    method: str
    path: str
    text: str
    key: str | None

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.method} {self.path}\n{self.text}".encode()).hexdigest()


class Desk:
    """Answers the API's requests, one at a time but for the waiting that a fault asks for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._keys_in_use: set[str] = set()

    def endpoint(self, operation: Operation | None) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            request_id = new_id("request", random_letters)
            try:
                response = await self._answer(request, operation, request_id)
            except StripeError as refusal:
                response = _refusal(refusal)
            response.headers.setdefault("Request-Id", request_id)
            response.headers["Stripe-Version"] = request.headers.get("stripe-version", API_VERSION)
            return response

        return answer

    async def _answer(self, request: Request, operation: Operation | None, request_id: str) -> Response:
        _check_secret_key(request)
        if operation is None:
            raise errors.unknown_url(request.method, request.url.path)
        asked = await _read(request, request_id)
        if asked.key is None:
            return await self._with_faults(request, operation, asked)
        if asked.key in self._keys_in_use:
            raise errors.key_in_use(asked.key)
        self._keys_in_use.add(asked.key)
        try:
            response = await self._with_faults(request, operation, asked)
        finally:
            self._keys_in_use.discard(asked.key)
        response.headers["Idempotency-Key"] = asked.key
        return response

    async def _with_faults(self, request: Request, operation: Operation, asked: Asked) -> Response:
        fault = self._sandbox.faults.take(asked.path)
        if fault is None:
            return self._act(operation, asked, dict(request.path_params))
        if fault.after:
            self._act(operation, asked, dict(request.path_params))
        await asyncio.sleep(fault.delay_ms / 1000)
        return _lost(fault)

    def _act(self, operation: Operation, asked: Asked, path: dict[str, str]) -> Response:
        """The operation in its transaction; a kept answer is given again instead."""
        store = self._sandbox.store
        with store.transaction():
            kept = store.answers.find(asked.key) if asked.key is not None else None
            if kept is not None:
                return _replay(kept, asked)
            turn = self._sandbox.turn(Cause(asked.request_id, asked.key))
            status, body = _carry_out(turn, operation, asked, path)
            if asked.key is not None:
                kept = KeptAnswer(asked.fingerprint, status, body, asked.request_id)
                store.answers.keep(asked.key, kept, now=turn.now)
        self._sandbox.bell.set()
        return _json(status, body)


def _carry_out(turn: Turn, operation: Operation, asked: Asked, path: dict[str, str]) -> tuple[int, bytes]:
    params = operation.takes.read(forms.decode_text(asked.text))
    paths: list[str] = params.pop("expand", [])
    result = operation.act(turn, Given(path=path, params=params))
    answer = result if isinstance(result, Answer) else Answer(result)
    body = answer.body
    if answer.status == 200:
        body = expand(
            body,
            paths,
            find=lambda kind, object_id: _found(turn, kind, object_id),
            include=lambda found, name: _included(turn, found, name),
        )
    return answer.status, _bytes(body)


def _found(turn: Turn, kind: str, object_id: str) -> Json | None:
    """What `expand[]` puts in a reference's place, as it reads now."""
    found = turn.store.objects.get(kind, object_id)
    return transaction_at(found, now=turn.now) if found and kind == "balance_transaction" else found


_INCLUDED: dict[str, Callable[[Turn, Json], object]] = {
    "confirmation_secret": invoices.included_secret,
    "line_items": checkout_sessions.included_line_items,
    "payments": invoices.included_payments,
    "refunds": refunds.included_refunds,
    "subscriptions": subscriptions.included_subscriptions,
}


def _included(turn: Turn, body: Json, field: str) -> object:
    """What `expand[]` adds that is no reference."""
    if field in _INCLUDED:
        return _INCLUDED[field](turn, body)
    if field == "tax":
        return {
            "automatic_tax": "unrecognized_location",
            "ip_address": None,
            "location": None,
            "provider": "stripe",
        }
    if field == "invoice_credit_balance":
        return {}
    return as_list([], f"/v1/customers/{body['id']}/{field}")


def _check_secret_key(request: Request) -> None:
    """Any test key will do; a live one must never be sent here, and is refused without being kept."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    key = rest.strip()
    if scheme.lower() == "basic":
        key = _basic_user(key)
    elif scheme.lower() != "bearer":
        key = ""
    if not key:
        raise errors.no_key()
    if not (key.startswith("sk_test_") and len(key) > len("sk_test_")):
        raise errors.wrong_key(key)


def _basic_user(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _read(request: Request, request_id: str) -> Asked:
    text = urlsplit(str(request.url)).query
    key = None
    if request.method == "POST":
        if request.headers.get("content-type", "").startswith("application/json"):
            raise StripeError(
                "Invalid request (check that your POST content type is "
                "application/x-www-form-urlencoded). If you "
                "have questions, we can help at https://support.stripe.com/."
            )
        body = await read_body(request, MAX_BODY_BYTES)
        text = body.decode("utf-8", errors="replace")
        key = request.headers.get("idempotency-key") or None
    if key is not None and len(key) > MAX_KEY_LENGTH:
        raise StripeError(f"Idempotency keys can be at most {MAX_KEY_LENGTH} characters.", kind="idempotency_error")
    return Asked(request_id=request_id, method=request.method, path=request.url.path, text=text, key=key)


def _replay(kept: KeptAnswer, asked: Asked) -> Response:
    if kept.fingerprint != asked.fingerprint:
        raise errors.key_reused(asked.key or "")
    response = _json(kept.status, kept.body)
    response.headers["Idempotent-Replayed"] = "true"
    response.headers["Original-Request"] = kept.request_id
    return response


def _lost(fault: Fault) -> Response:
    return _json(fault.status, _bytes(fault_body(fault.status)))


def _refusal(refusal: StripeError) -> Response:
    body = errors.error_body(refusal.message, kind=refusal.kind, code=refusal.code, param=refusal.param)
    response = _json(refusal.status, _bytes(body))
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Stripe"'
    return response


def _bytes(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")


def _json(status: int, body: bytes) -> Response:
    return Response(body, status_code=status, media_type="application/json", headers={"Cache-Control": "no-store"})
