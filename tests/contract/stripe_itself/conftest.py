"""Each story twice, through billing's own client: against the sandbox always, against Stripe itself where
`STRIPE_TEST_KEY` holds a secret test key. Without one the second half is skipped, and says so.

What a story makes in the test account stays there, as Stripe keeps it, but for its customer, who is deleted. Nothing
is configured there and no webhook endpoint is touched.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.billing.clients.stripe import StripeGate
from shared.ids import new_id
from tests.integration.stripe_sandbox.conftest import KEY, Receiver, running_sandbox

VARIABLE = "STRIPE_TEST_KEY"
NO_KEY = f"{VARIABLE} is not set: told to the sandbox alone, not to Stripe itself"
AMOUNT_MINOR = 1200


@dataclass(frozen=True)
class Shop:
    """Billing's gate to a Stripe, with a customer of this story's own. `patience_seconds` is how long things that
    Stripe does by itself may take."""

    gate: StripeGate
    customer_id: str
    patience_seconds: float

    async def card(self, name: str) -> str:
        """A saved card made of one of Stripe's test cards (`pm_card_visa`). Raises StripeRefused."""
        attached = await self.gate.ask(self.gate.v1.payment_methods.attach_async(name, {"customer": self.customer_id}))
        return str(attached.id)

    async def charge(self, card_id: str) -> dict[str, Any]:
        """The payment intent of a payment while the customer is away. Raises StripeRefused."""
        paid = await self.gate.ask(
            self.gate.v1.payment_intents.create_async(
                {
                    "amount": AMOUNT_MINOR,
                    "currency": "usd",
                    "customer": self.customer_id,
                    "payment_method": card_id,
                    "confirm": True,
                    "off_session": True,
                    "metadata": {"payment_id": our_id("pay")},
                },
                {"idempotency_key": our_id("try")},
            )
        )
        found: dict[str, Any] = paid.to_dict()
        return found


def our_id(prefix: str) -> str:
    return new_id(prefix, at=datetime.now(UTC))


@pytest.fixture(params=["sandbox", "stripe"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    if request.param == "stripe":
        async for opened in _opened(_test_key(), api_base="", patience_seconds=60):
            yield opened
        return
    async with running_sandbox(tmp_path / "stripe.sqlite3", Receiver(url="http://127.0.0.1:9/hook")) as running:
        async for opened in _opened(KEY, api_base=running.url, patience_seconds=5):
            yield opened


async def _opened(key: str, *, api_base: str, patience_seconds: float) -> AsyncIterator[Shop]:
    gate = StripeGate(key, api_base=api_base, timeout_seconds=20, total_seconds=45)
    customer = await gate.ask(gate.v1.customers.create_async({"name": "A story of Tollgate's tests"}))
    try:
        yield Shop(gate, customer.id, patience_seconds)
    finally:
        await gate.ask(gate.v1.customers.delete_async(customer.id))
        await gate.close()


def _test_key() -> str:
    key = os.environ.get(VARIABLE, "")
    if not key:
        pytest.skip(NO_KEY)
    if not key.startswith(("sk_test_", "rk_test_")):
        pytest.fail(f"{VARIABLE} must be a secret key of Stripe's test mode; these stories move money")
    return key
