"""The gate to Stripe: the SDK, its transport, deadlines, and what its refusals mean."""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import httpx
import stripe

from shared.telemetry import logger_of

logger = logger_of("stripe")

API_VERSION = "2026-10-28.endive"
_NETWORK_RETRIES = 2
_HEALTH_KEPT_SECONDS = 15.0
_HEALTH_TIMEOUT_SECONDS = 1.5

T = TypeVar("T")


class StripeUnavailable(Exception):
    """No usable answer: not configured, away, too slow, or refusing our key. What became of the call is unknown."""


class StripeRefused(Exception):
    """Stripe understood and said no. `code` is Stripe's, and so is `decline_code` where a card was declined;
    `intent_id` names the payment intent that was refused."""

    def __init__(self, code: str | None, *, decline_code: str | None = None, intent_id: str | None = None) -> None:
        super().__init__(code or "refused")
        self.code = code
        self.decline_code = decline_code
        self.intent_id = intent_id


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

    @property
    def v1(self) -> Any:
        """The SDK's services, whose calls go through `ask` or `find`. Raises StripeUnavailable without a key."""
        if self._client is None:
            raise StripeUnavailable("no STRIPE_SECRET_KEY is set")
        return self._client.v1

    async def ask(self, call: Awaitable[T]) -> T:
        """What a call answers, told in the log. Raises StripeRefused, StripeUnavailable."""
        began = time.monotonic()
        answered = await self._asked(call)
        latency_ms = round((time.monotonic() - began) * 1_000)
        object_id = getattr(answered, "id", None)
        logger.info("stripe_answered", operation=_name_of(call), object_id=object_id, latency_ms=latency_ms)
        return answered

    async def _asked(self, call: Awaitable[T]) -> T:
        operation = _name_of(call)
        try:
            async with asyncio.timeout(self._total_seconds):
                return await call
        except TimeoutError as error:
            logger.warning("stripe_unavailable", operation=operation, error="no answer in time")
            raise StripeUnavailable("no answer in time") from error
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            if error.http_status is not None and error.http_status >= 500:
                raise StripeUnavailable(f"status {error.http_status}") from error
            told = {"code": error.code, "param": error.param, "status": error.http_status}
            logger.warning("stripe_refused", operation=operation, **told)
            raise _refusal(error) from error
        except stripe.StripeError as error:
            told = {"error": type(error).__name__, "status": error.http_status}
            logger.warning("stripe_unavailable", operation=operation, **told)
            raise StripeUnavailable(type(error).__name__) from error

    async def find(self, call: Awaitable[T]) -> T | None:
        """The same of a call that reads one object: None where Stripe knows none of that id."""
        try:
            return await self.ask(call)
        except StripeRefused as refusal:
            if refusal.code == "resource_missing":
                return None
            raise

    async def answers(self) -> bool:
        """Whether Stripe takes our key; asked at most every few seconds."""
        asked_at, known = self._reachable
        if time.monotonic() - asked_at < _HEALTH_KEPT_SECONDS:
            return known
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT_SECONDS):
                await self._asked(self.v1.checkout.sessions.list_async({"limit": 1}))
            reachable = True
        except StripeRefused:
            reachable = True
        except (StripeUnavailable, TimeoutError):
            reachable = False
        self._reachable = (time.monotonic(), reachable)
        return reachable

    async def close(self) -> None:
        await self._transport.close_pool()


def _name_of(call: object) -> str:
    """The SDK's name of a call: `SessionService.create_async`."""
    return str(getattr(call, "__qualname__", type(call).__name__))


def _refusal(error: stripe.InvalidRequestError | stripe.CardError) -> StripeRefused:
    """A declined card's error holds the decline's own code and the intent that it left."""
    told = error.json_body.get("error", {}) if isinstance(error.json_body, dict) else {}
    intent = told.get("payment_intent")
    return StripeRefused(
        error.code,
        decline_code=told.get("decline_code"),
        intent_id=intent.get("id") if isinstance(intent, dict) else None,
    )
