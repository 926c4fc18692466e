"""What is read of Stripe's objects."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from services.billing.clients.stripe import StripeGate
from services.billing.clients.stripe.subscriptions import find_subscription

NOON = int(datetime(2027, 1, 1, 12, tzinfo=UTC).timestamp())
MONTH = 31 * 86_400


class Told(StripeGate):
    """Answers a subscription with one invoice."""

    def __init__(self, invoice: dict[str, Any]) -> None:
        self._invoice = invoice

    @property
    def v1(self) -> Any:
        return MagicMock()

    async def find(self, call: Any) -> Any:
        told = {"id": "sub_1", "status": "active", "items": {"data": []}, "customer": "cus_1", "livemode": False}
        return SimpleNamespace(to_dict=lambda: told | {"cancel_at_period_end": False})

    async def ask(self, call: Any) -> Any:
        return SimpleNamespace(to_dict=lambda: {"data": [self._invoice]})


async def test_invoice_that_a_coupon_pays_whole_sells_its_period() -> None:
    invoice = {
        "id": "in_1",
        "status": "paid",
        "billing_reason": "subscription_create",
        "currency": "usd",
        "total": 0,
        "amount_paid": 0,
        "attempt_count": 0,
        "created": NOON,
        "total_discount_amounts": [{"amount": 2_000, "discount": "di_1"}, {"amount": 500, "discount": "di_2"}],
        "lines": {
            "data": [
                {
                    "parent": {"subscription_item_details": {"proration": False}},
                    "period": {"start": NOON, "end": NOON + MONTH},
                }
            ]
        },
    }
    state = await find_subscription(Told(invoice), "sub_1", asked_at=datetime.now(UTC))
    assert state is not None
    [read] = state.invoices
    assert (read.total_minor, read.discount_minor, read.sells_period) == (0, 2_500, True)
    state = await find_subscription(
        Told(invoice | {"total_discount_amounts": None}), "sub_1", asked_at=datetime.now(UTC)
    )
    assert state is not None and not state.invoices[0].sells_period
