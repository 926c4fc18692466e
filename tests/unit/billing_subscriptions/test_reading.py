"""What is read of Stripe's objects."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from services.billing.clients.stripe import StripeGate
from services.billing.clients.stripe.declines import bank_decline
from services.billing.clients.stripe.subscriptions import _with_refused_card, find_subscription
from tests.unit.billing_subscriptions.states import unpaid

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


@pytest.mark.parametrize(
    ("intent", "card_id", "decline_code"),
    [
        ({"status": "requires_action", "payment_method": "pm_1"}, "pm_1", "authentication_required"),
        (
            {
                "status": "requires_payment_method",
                "last_payment_error": {
                    "code": "card_declined",
                    "decline_code": "insufficient_funds",
                    "payment_method": {"id": "pm_2"},
                },
            },
            "pm_2",
            "insufficient_funds",
        ),
        ({"status": "requires_payment_method", "last_payment_error": None}, None, None),
    ],
)
async def test_refused_card_is_the_banks_or_the_one_that_waits_for_its_owner(
    intent: dict[str, Any], card_id: str | None, decline_code: str | None
) -> None:
    class ToldIntent(Told):
        async def find(self, call: Any) -> Any:
            return SimpleNamespace(to_dict=lambda: intent)

    read = await _with_refused_card(ToldIntent({}), unpaid())
    assert (read.failed_card_id, read.decline_code) == (card_id, decline_code)


def test_decline_is_told_in_the_banks_words_alone() -> None:
    assert bank_decline("card_declined", "lost_card") == "lost_card"
    assert bank_decline("subscription_payment_intent_requires_action", None) == "authentication_required"
    assert bank_decline("expired_card", None) == "expired_card"
    assert bank_decline("resource_missing", None) is None and bank_decline(None, None) is None
