"""Stripe through its own SDK: the only module that knows it.

Every answer is turned into a frozen value of ours here; no StripeObject leaves. Calls have a deadline each and one in
all, and are retried by the SDK under one idempotency key. The API version is pinned, so an SDK update can't change
what is said. With an `api_base` the same code speaks to a sandbox.
"""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx
import stripe
from stripe.params.checkout import SessionCreateParams

from services.billing.domain.checkout_session import IntentState, SessionState
from shared.money import Money
from shared.telemetry import logger

API_VERSION = "2026-10-28.endive"
_NETWORK_RETRIES = 2
_HEALTH_KEPT_SECONDS = 15.0
_HEALTH_TIMEOUT_SECONDS = 1.5
_EXPANDED = ["payment_intent"]

T = TypeVar("T")


class StripeUnavailable(Exception):
    """No usable answer: not configured, away, too slow, or refusing our key. What became of the call is unknown."""


class StripeRefused(Exception):
    """Stripe understood and said no. `code` is Stripe's."""

    def __init__(self, code: str | None) -> None:
        super().__init__(code or "refused")
        self.code = code


@dataclass(frozen=True, slots=True)
class NewCheckout:
    """What a payment page is made of. `expires_at` is Stripe's end of it."""

    payment_id: str
    account_id: str
    credits: int
    price: Money
    success_url: str
    cancel_url: str
    expires_at: datetime


class _Transport(stripe.HTTPXClient):
    """The SDK's httpx transport with a pool of our own: bounded, without the environment's proxies for a sandbox, and
    handing httpx a body as content (the SDK's `data=` is deprecated there)."""

    def __init__(self, *, timeout_seconds: float, trust_env: bool) -> None:
        super().__init__(timeout=httpx.Timeout(timeout_seconds, connect=min(3.0, timeout_seconds)))
        self._client_async = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=40, max_keepalive_connections=20, keepalive_expiry=30.0),
            trust_env=trust_env,
        )

    async def close_pool(self) -> None:
        await self._client_async.aclose()

    def _get_request_args_kwargs(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any
    ) -> tuple[tuple[str, str], dict[str, Any]]:
        kwargs = {"headers": headers, "timeout": self._timeout}
        if post_data:
            kwargs["content"] = post_data
        return (method, url), kwargs


class StripeGate:
    """Stripe, as billing asks it. Without a key every call raises StripeUnavailable."""

    def __init__(self, secret_key: str, *, api_base: str, timeout_seconds: float, total_seconds: float) -> None:
        self.livemode = secret_key.startswith(("sk_live_", "rk_live_"))
        self._total_seconds = total_seconds
        self._transport = _Transport(timeout_seconds=timeout_seconds, trust_env=not api_base)
        self._client = (
            stripe.StripeClient(
                secret_key,
                stripe_version=API_VERSION,
                base_addresses={"api": api_base} if api_base else None,
                http_client=self._transport,
                max_network_retries=_NETWORK_RETRIES,
            )
            if secret_key
            else None
        )
        self._reachable: tuple[float, bool] = (-_HEALTH_KEPT_SECONDS, False)

    @property
    def configured(self) -> bool:
        """Whether there is a key."""
        return self._client is not None

    async def create_checkout(self, wanted: NewCheckout) -> SessionState:
        """Make the payment page; once for each payment, however often it is asked."""
        created = await self._ask(
            self._sdk().v1.checkout.sessions.create_async(
                _create_params(wanted), {"idempotency_key": f"checkout-{wanted.payment_id}"}
            )
        )
        return _session(created.to_dict())

    async def session(self, session_id: str) -> SessionState | None:
        """The session as it is now, or None where Stripe knows none of that id."""
        try:
            found = await self._ask(
                self._sdk().v1.checkout.sessions.retrieve_async(session_id, {"expand": list(_EXPANDED)})
            )
        except StripeRefused as refusal:
            if refusal.code == "resource_missing":
                return None
            raise
        return _session(found.to_dict())

    async def session_of_intent(self, intent_id: str) -> SessionState | None:
        """The session that a payment intent was made by, or None."""
        try:
            listed = await self._ask(
                self._sdk().v1.checkout.sessions.list_async(
                    {"payment_intent": intent_id, "limit": 1, "expand": [f"data.{name}" for name in _EXPANDED]}
                )
            )
        except StripeRefused as refusal:
            if refusal.code == "resource_missing":
                return None
            raise
        found: list[dict[str, Any]] = listed.to_dict()["data"]
        return _session(found[0]) if found else None

    async def end_session(self, session_id: str) -> SessionState | None:
        """Expire an open session; one that is over already is answered as it is."""
        try:
            await self._ask(self._sdk().v1.checkout.sessions.expire_async(session_id))
        except StripeRefused as refusal:
            logger.info("session_was_over", session_id=session_id, code=refusal.code)
        return await self.session(session_id)

    async def answers(self) -> bool:
        """Whether Stripe takes our key; asked at most every few seconds."""
        asked_at, known = self._reachable
        if time.monotonic() - asked_at < _HEALTH_KEPT_SECONDS:
            return known
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT_SECONDS):
                await self._ask(self._sdk().v1.checkout.sessions.list_async({"limit": 1}))
            reachable = True
        except StripeRefused:
            reachable = True
        except (StripeUnavailable, TimeoutError):
            reachable = False
        self._reachable = (time.monotonic(), reachable)
        return reachable

    async def close(self) -> None:
        await self._transport.close_pool()

    def _sdk(self) -> stripe.StripeClient:
        if self._client is None:
            raise StripeUnavailable("no STRIPE_SECRET_KEY is set")
        return self._client

    async def _ask(self, call: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._total_seconds):
                return await call
        except TimeoutError as error:
            raise StripeUnavailable("no answer in time") from error
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            if error.http_status is not None and error.http_status >= 500:
                raise StripeUnavailable(f"status {error.http_status}") from error
            logger.warning("stripe_refused", code=error.code, param=error.param, status=error.http_status)
            raise StripeRefused(error.code) from error
        except stripe.StripeError as error:
            logger.warning("stripe_unavailable", error=type(error).__name__, status=error.http_status)
            raise StripeUnavailable(type(error).__name__) from error


def _create_params(wanted: NewCheckout) -> SessionCreateParams:
    labels = {
        "payment_id": wanted.payment_id,
        "account_id": wanted.account_id,
        "credits": str(wanted.credits),
    }
    return {
        "mode": "payment",
        "client_reference_id": wanted.account_id,
        "success_url": wanted.success_url,
        "cancel_url": wanted.cancel_url,
        "expires_at": int(wanted.expires_at.timestamp()),
        "metadata": labels,
        "payment_intent_data": {"metadata": labels},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": wanted.price.currency,
                    "unit_amount": wanted.price.amount_minor,
                    "product_data": {"name": f"{wanted.credits:,} API credits"},
                },
            }
        ],
    }


def _session(raw: dict[str, Any]) -> SessionState:
    return SessionState(
        id=raw["id"],
        url=raw.get("url"),
        status=raw["status"],
        payment_status=raw["payment_status"],
        amount_total_minor=raw.get("amount_total") or 0,
        currency=raw.get("currency") or "",
        livemode=raw["livemode"],
        metadata=raw.get("metadata") or {},
        intent=_intent(raw.get("payment_intent")),
    )


def _intent(raw: dict[str, Any] | str | None) -> IntentState | None:
    """Expanded, or (should an expansion be left out) an id alone."""
    if raw is None:
        return None
    if isinstance(raw, str):
        return IntentState(raw, "unknown", None)
    charge = raw.get("latest_charge")
    return IntentState(raw["id"], raw["status"], charge["id"] if isinstance(charge, dict) else charge)
