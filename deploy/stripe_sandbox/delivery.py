"""The courier: brings events to the webhook, signed anew at each attempt, again and again until a 2xx.

What is to be delivered is in the store, so that a restart loses nothing; it may send twice what was under
way when the process died, as Stripe may. Order is not kept, as Stripe's is not.
"""

import asyncio
import json
import logging
from contextlib import suppress

import httpx

from deploy.stripe_sandbox.domain.api_versions import rendered
from deploy.stripe_sandbox.domain.retries import next_attempt_at
from deploy.stripe_sandbox.domain.signing import signature_header
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.store.deliveries import Delivery
from deploy.stripe_sandbox.use_cases.turn import VERSION_NOTE

AT_ONCE = 8
TIMEOUT_SECONDS = 10.0
LONGEST_SLEEP_SECONDS = 5.0
ODD_PAUSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class Courier:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled. Wakes when something was emitted, when a retry is due, when an attempt ends."""
        if not self._sandbox.settings.webhook_url:
            return
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False) as client:
            try:
                while True:
                    self._sandbox.bell.clear()
                    self._send_due(client)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._pause()):  # `wait_for` may swallow a cancellation
                            await self._sandbox.bell.wait()
            finally:
                await self._stop()

    def _send_due(self, client: httpx.AsyncClient) -> None:
        room = AT_ONCE - len(self._under_way)
        if room <= 0:
            return
        now = self._sandbox.clock.real_now()
        for delivery in self._sandbox.store.deliveries.due(now=now, limit=room, but=set(self._under_way)):
            task = asyncio.create_task(self._attempt(client, delivery))
            self._under_way[delivery.seq] = task

    def _pause(self) -> float:
        """Seconds until the next delivery is due; an attempt's end rings the bell before that."""
        if len(self._under_way) >= AT_ONCE:
            return LONGEST_SLEEP_SECONDS
        at = self._sandbox.store.deliveries.next_at(but=set(self._under_way))
        if at is None:
            return LONGEST_SLEEP_SECONDS
        return min(max(at - self._sandbox.clock.real_now(), 0.0), LONGEST_SLEEP_SECONDS)

    async def _attempt(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        try:
            error = await self._send(client, delivery)
            self._record(delivery, error)
        except Exception:
            log.exception("webhook %s could not be attempted", delivery.event_id)
            await asyncio.sleep(ODD_PAUSE_SECONDS)
        finally:
            self._under_way.pop(delivery.seq, None)
            self._sandbox.bell.set()

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> str | None:
        """What went wrong, or None after a 2xx."""
        body = json.dumps(self._event(delivery), indent=2, ensure_ascii=False).encode("utf-8", errors="replace")
        settings = self._sandbox.settings
        signature = signature_header(body, secrets=settings.webhook_secrets, now=int(self._sandbox.clock.real_now()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = await client.post(settings.webhook_url, content=body, headers=headers)
        except (httpx.HTTPError, OSError) as failure:
            return type(failure).__name__
        return None if answer.is_success else f"HTTP {answer.status_code}"

    def _event(self, delivery: Delivery) -> Json:
        """The event in the shape of the API version that deliveries are in."""
        objects = self._sandbox.store.objects
        event = objects.get("event", delivery.event_id)
        assert event is not None, "a delivery names an event that exists"
        version = self._sandbox.store.note(VERSION_NOTE)
        return rendered(event, objects.hidden(delivery.event_id), version) if version else event

    def _record(self, delivery: Delivery, error: str | None) -> None:
        deliveries = self._sandbox.store.deliveries
        if error is None:
            deliveries.delivered(delivery)
            return
        now = self._sandbox.clock.real_now()
        next_at = next_attempt_at(attempts=delivery.attempts + 1, first_at=delivery.first_at, now=now)
        deliveries.failed(delivery, error=error, next_at=next_at)
        log.warning("webhook %s not delivered (%s), attempt %d", delivery.event_id, error, delivery.attempts + 1)

    async def _stop(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
