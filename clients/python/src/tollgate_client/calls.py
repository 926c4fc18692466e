"""What there is to ask of the platform: each function makes a `Call`, a value that says what is sent and how its answer
is read. Nothing is sent here; the clients do that (operations.py).

POSTs that make something or move money bear an Idempotency-Key, the caller's or a new one, which stays the same when
they are tried again. A parameter that is None is left out.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx

from tollgate_client import views
from tollgate_client.errors import Problem, UnexpectedAnswer
from tollgate_client.exchange import Outgoing, retry_after_seconds
from tollgate_client.views import Credits

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Call(Generic[T]):
    """`read` makes the result of a 2xx answer; any other is a `Problem`."""

    outgoing: Outgoing
    read: Callable[[httpx.Response], T] = field(repr=False)

    def result(self, answer: httpx.Response) -> T:
        if not answer.is_success:
            raise problem_of(answer)
        return self.read(answer)


@dataclass(frozen=True)
class Listing(Generic[T_co]):
    """A list, got page by page; one without a size comes whole."""

    path: str
    page_size: int | None = None

    def page(self, after: str | None) -> Call[Any]:
        return _get(self.path) if self.page_size is None else _get(self.path, limit=str(self.page_size), after=after)


def problem_of(answer: httpx.Response) -> Exception:
    """The refusal that an answer is, or `UnexpectedAnswer` where somebody else than the platform gave it."""
    try:
        document = json.loads(answer.content)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "problem+json" not in answer.headers.get("content-type", ""):
        return UnexpectedAnswer(f"{answer.status_code} without a problem document")
    return Problem(answer.status_code, document, retry_after_seconds=retry_after_seconds(answer))


def json_of(answer: httpx.Response) -> Any:
    """The answer's JSON, its fractions as Decimal."""
    try:
        return json.loads(answer.content, parse_float=Decimal)
    except ValueError as error:
        raise UnexpectedAnswer(f"{answer.status_code} without JSON") from error


def login(*, email: str, password: str) -> Call[views.SignedIn]:
    """A session's token. It is used by a client that is made with `session=token`."""
    return _post("/api/v1/auth/login", {"email": email, "password": password})


def logout() -> Call[None]:
    """End the session that the client was made with."""
    return _post("/api/v1/auth/logout", None, read=_nothing)


def account() -> Call[views.Account]:
    """The account whose session it is."""
    return _get("/api/v1/account")


def api_keys(*, page_size: int = 100) -> Listing[views.ApiKey]:
    """The account's live keys, never the keys themselves."""
    return Listing("/api/v1/auth/api-keys", page_size)


def create_api_key(
    *,
    name: str,
    scopes: Sequence[str] | None = None,
    expires_at: str | None = None,
    allowed_ips: Sequence[str] | None = None,
    limits: Mapping[str, int] | None = None,
    idempotency_key: str | None = None,
) -> Call[views.CreatedApiKey]:
    """A new key, shown this once. `Problem` `insufficient_credits` below the minimum of a first key."""
    body = _without_none(
        name=name, scopes=scopes, expires_at=expires_at, allowed_ips=allowed_ips, limits=limits and dict(limits)
    )
    return _make("/api/v1/auth/api-key", body, idempotency_key)


def change_api_key(
    key_id: str,
    *,
    name: str | None = None,
    scopes: Sequence[str] | None = None,
    allowed_ips: Sequence[str] | None = None,
    limits: Mapping[str, int] | None = None,
) -> Call[views.ApiKey]:
    """What is left out stays; limits can only be lowered."""
    body = _without_none(name=name, scopes=scopes, allowed_ips=allowed_ips, limits=limits and dict(limits))
    return Call(sending("PATCH", f"/api/v1/auth/api-keys/{path_part(key_id)}", body), json_of)


def rotate_api_key(
    key_id: str, *, overlap_seconds: int = 0, idempotency_key: str | None = None
) -> Call[views.CreatedApiKey]:
    """A successor; the key itself works until the overlap ends."""
    path = f"/api/v1/auth/api-keys/{path_part(key_id)}/rotate"
    return _make(path, {"overlap_seconds": overlap_seconds}, idempotency_key)


def revoke_api_key(key_id: str) -> Call[None]:
    """Refused everywhere within a second."""
    return Call(sending("DELETE", f"/api/v1/auth/api-keys/{path_part(key_id)}", may_repeat=True), _nothing)


def credits() -> Call[views.CreditsBalance]:
    """What the account has, what running calls hold of it, what may be spent."""
    return _get("/api/v1/credits")


def transactions(*, page_size: int = 100) -> Listing[views.Transaction]:
    """Every entry, newest first; their sum is the balance."""
    return Listing("/api/v1/credits/transactions", page_size)


def transaction_proof(entry_id: str) -> Call[views.Proof]:
    """The way from an entry to the seal's root."""
    return _get(f"/api/v1/credits/transactions/{path_part(entry_id)}/proof")


def checkout(
    *,
    credits: int,
    currency: str | None = None,
    success_url: str | None = None,
    cancel_url: str | None = None,
    device_id: str | None = None,
    save_card: bool | None = None,
    idempotency_key: str | None = None,
) -> Call[views.Checkout]:
    """A page on which `credits` (whole, at least 5,000) are paid."""
    body = _without_none(
        credits=credits,
        currency=currency,
        success_url=success_url,
        cancel_url=cancel_url,
        device_id=device_id,
        save_card=save_card,
    )
    return _make("/api/v1/credits/checkout", body, idempotency_key)


def payments(*, page_size: int = 100) -> Listing[views.Payment]:
    """The account's own, newest first."""
    return Listing("/api/v1/payments", page_size)


def payment(payment_id: str) -> Call[views.Payment]:
    return _get(f"/api/v1/payments/{path_part(payment_id)}")


def cancel_payment(payment_id: str, *, idempotency_key: str | None = None) -> Call[views.Payment]:
    """End a pending one, freeing what it reserved."""
    return _make(f"/api/v1/payments/{path_part(payment_id)}/cancel", None, idempotency_key)


def payment_methods() -> Listing[views.PaymentMethod]:
    """Saved cards, the default first."""
    return Listing("/api/v1/payment-methods")


def add_payment_method(
    *, success_url: str | None = None, cancel_url: str | None = None, idempotency_key: str | None = None
) -> Call[views.Setup]:
    """A page on which the customer gives a card."""
    body = _without_none(success_url=success_url, cancel_url=cancel_url)
    return _make("/api/v1/payment-methods", body, idempotency_key)


def choose_payment_method(card_id: str, *, idempotency_key: str | None = None) -> Call[views.PaymentMethod]:
    """Make a card the default, which automatic top-ups charge."""
    return _make(f"/api/v1/payment-methods/{path_part(card_id)}/default", None, idempotency_key)


def remove_payment_method(card_id: str) -> Call[None]:
    """It is charged no more."""
    return Call(sending("DELETE", f"/api/v1/payment-methods/{path_part(card_id)}", may_repeat=True), _nothing)


def auto_top_up() -> Call[views.AutoTopUp]:
    return _get("/api/v1/auto-top-up")


def set_auto_top_up(
    *, enabled: bool, threshold: Credits, credits: int, monthly_cap: Credits, idempotency_key: str | None = None
) -> Call[views.AutoTopUp]:
    """Below `threshold` credits buy `credits`, and at most `monthly_cap` credits in a calendar month."""
    body = {"enabled": enabled, "threshold": threshold, "credits": credits, "monthly_cap": monthly_cap}
    return Call(sending("PUT", "/api/v1/auto-top-up", body, _idempotent(idempotency_key), may_repeat=True), json_of)


def usage(
    *, start: str | None = None, to: str | None = None, group_by: Literal["day", "hour", "route", "key"] = "day"
) -> Call[views.Usage]:
    """Calls, tokens and credits of the last 30 days, or from `start` to `to` (dates or RFC 3339 times)."""
    return _get("/api/v1/usage", **{"from": start}, to=to, group_by=group_by)


def usage_of_call(request_id: str) -> Call[views.UsageOfCall]:
    """What one paid call used and cost; of a streamed one too, once it is over."""
    return _get(f"/api/v1/usage/requests/{path_part(request_id)}")


def plans() -> Call[views.Plans]:
    """What can be subscribed to; needs no credential."""
    return _get("/api/v1/plans")


def subscribe(
    *, plan: str, success_url: str | None = None, cancel_url: str | None = None, idempotency_key: str | None = None
) -> Call[views.SubscriptionCheckout]:
    """A page on which the plan's first period is paid."""
    body = _without_none(plan=plan, success_url=success_url, cancel_url=cancel_url)
    return _make("/api/v1/subscriptions/checkout", body, idempotency_key)


def subscriptions(*, page_size: int = 100) -> Listing[views.Subscription]:
    return Listing("/api/v1/subscriptions", page_size)


def subscription(subscription_id: str) -> Call[views.Subscription]:
    return _get(f"/api/v1/subscriptions/{path_part(subscription_id)}")


def cancel_subscription(
    subscription_id: str, *, at_period_end: bool, idempotency_key: str | None = None
) -> Call[views.Subscription]:
    """At once: its license is revoked for good. At the period's end: both end then, unless it is resumed before."""
    return _make(_of(subscription_id, "cancel"), {"at_period_end": at_period_end}, idempotency_key)


def resume_subscription(subscription_id: str, *, idempotency_key: str | None = None) -> Call[views.Subscription]:
    """Undo a cancellation at the period's end, or a pause."""
    return _make(_of(subscription_id, "resume"), None, idempotency_key)


def pause_subscription(subscription_id: str, *, idempotency_key: str | None = None) -> Call[views.Subscription]:
    """What is paid stays usable."""
    return _make(_of(subscription_id, "pause"), None, idempotency_key)


def change_subscription(
    subscription_id: str, *, plan: str, idempotency_key: str | None = None
) -> Call[views.Subscription]:
    return _make(_of(subscription_id, "change"), {"plan": plan}, idempotency_key)


def licenses(*, page_size: int = 100) -> Listing[views.License]:
    """The account's own."""
    return Listing("/api/v1/licenses", page_size)


def license(license_id: str) -> Call[views.LicenseKey]:
    """With its key."""
    return _get(f"/api/v1/licenses/{path_part(license_id)}")


def explain_license(license_id: str, *, server_id: str | None = None) -> Call[views.Explanation]:
    """Why it is valid or isn't, step by step, and what became of it."""
    return _get(f"/api/v1/licenses/{path_part(license_id)}/explain", server_id=server_id)


def rotate_license_key(
    license_id: str, *, overlap_seconds: int = 0, idempotency_key: str | None = None
) -> Call[views.LicenseKey]:
    """A new key, for one that leaked; the old one works until the overlap ends."""
    path = f"/api/v1/licenses/{path_part(license_id)}/rotate"
    return _make(path, {"overlap_seconds": overlap_seconds}, idempotency_key)


def license_activations(license_id: str, *, page_size: int = 100) -> Listing[views.Activation]:
    """Who holds its seats, and who did."""
    return Listing(f"/api/v1/licenses/{path_part(license_id)}/activations", page_size)


def end_license_activation(license_id: str, activation_id: str) -> Call[None]:
    """Free the seat of a server that can't give it back itself."""
    path = f"/api/v1/licenses/{path_part(license_id)}/activations/{path_part(activation_id)}"
    return Call(sending("DELETE", path, may_repeat=True), _nothing)


def license_file(
    license_id: str,
    *,
    server_id: str,
    ttl_seconds: int | None = None,
    encrypted: bool | None = None,
    idempotency_key: str | None = None,
) -> Call[views.LicenseFileAnswer]:
    """A file that proves the license to `server_id` without network."""
    body = _without_none(server_id=server_id, ttl_seconds=ttl_seconds, encrypted=encrypted)
    return _make(f"/api/v1/licenses/{path_part(license_id)}/file", body, idempotency_key)


def license_public_keys() -> Call[views.PublicKeys]:
    """The keys that sign license files and verdicts. To pin them, get them once by a way that you trust, and ship them
    with your program: got anew at each start they prove nothing that TLS doesn't."""
    return _get("/api/v1/licenses/public-keys")


def paid_call(
    route: str,
    path: str = "",
    *,
    method: str = "GET",
    params: Mapping[str, str] | None = None,
    json: object = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    streamed: bool = False,
) -> Call[httpx.Response]:
    """A call through the gateway to `route`: the upstream's own answer, whatever its status. `charge_of` tells what it
    cost. `Problem` where the gateway refused it. It is tried again with an `idempotency_key` only."""
    sent = dict(headers or {})
    if json is not None:
        content = encoded(json)
        sent.setdefault("Content-Type", "application/json")
    if idempotency_key is not None:
        sent["Idempotency-Key"] = idempotency_key
    below = f"/proxy/{path_part(route)}/{path.lstrip('/')}"
    repeats = idempotency_key is not None
    outgoing = Outgoing(method.upper(), below, params or {}, sent, content, may_repeat=repeats, streamed=streamed)
    return _PaidCall(outgoing, lambda answer: answer)


class _PaidCall(Call[httpx.Response]):
    def result(self, answer: httpx.Response) -> httpx.Response:
        """A refusal of ours is a problem document of ours; all else is the upstream's, to be passed on."""
        if not answer.is_error or self.outgoing.streamed:
            return answer
        raise_refusal(answer)
        return answer


def raise_refusal(answer: httpx.Response) -> None:
    """Raise `Problem` where the gateway itself refused a paid call; the upstream's own errors are answers."""
    problem = problem_of(answer)
    if isinstance(problem, Problem) and str(problem.document.get("type", "")).startswith("urn:tollgate:"):
        raise problem


@dataclass(frozen=True)
class Charge:
    """What a paid call cost and left. None: the head doesn't say, as a stream's; ask `usage_of_call(request_id)`."""

    credits_charged: Credits | None
    credits_remaining: Credits | None
    request_id: str | None


def charge_of(answer: httpx.Response) -> Charge:
    """What an answer's `X-Credits-Charged` and `X-Credits-Remaining` say."""
    charged, remaining = (answer.headers.get(f"x-credits-{word}") for word in ("charged", "remaining"))
    return Charge(
        Decimal(charged) if charged else None,
        Decimal(remaining) if remaining else None,
        answer.headers.get("x-request-id"),
    )


def encoded(body: object) -> bytes:
    """As JSON; a Decimal as the number it is."""
    return json.dumps(body, default=_number, separators=(",", ":"), allow_nan=False).encode()


def _number(value: object) -> int | float:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is no JSON")
    return int(value) if value == value.to_integral_value() else float(value)  # three decimals print as they are


def _get(path: str, **params: str | None) -> Call[Any]:
    given = {name: value for name, value in params.items() if value is not None}
    return Call(Outgoing("GET", path, given, may_repeat=True), json_of)


def _post(path: str, body: object, *, read: Callable[[httpx.Response], Any] = json_of) -> Call[Any]:
    return Call(sending("POST", path, body), read)


def _make(path: str, body: object, idempotency_key: str | None) -> Call[Any]:
    return Call(sending("POST", path, body, _idempotent(idempotency_key), may_repeat=True), json_of)


def sending(
    method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None, *, may_repeat: bool = False
) -> Outgoing:
    """A request with a JSON body, or with none."""
    if body is None:
        return Outgoing(method, path, headers=headers or {}, may_repeat=may_repeat)
    kind = {"Content-Type": "application/json"}
    return Outgoing(method, path, headers={**kind, **(headers or {})}, content=encoded(body), may_repeat=may_repeat)


def _idempotent(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def _of(subscription_id: str, verb: str) -> str:
    return f"/api/v1/subscriptions/{path_part(subscription_id)}/{verb}"


def path_part(value: str) -> str:
    """One part of a path, whatever it holds."""
    if not value or value in (".", ".."):
        raise ValueError("an id is not empty")
    return quote(value, safe="")


def _without_none(**members: object) -> dict[str, object]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in members.items() if value is not None
    }


def _nothing(_answer: httpx.Response) -> None:
    return None
