"""States of Stripe's to judge, a month of $25 from noon."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.billing.domain.subscriptions.plan import PlanId
from services.billing.domain.subscriptions.standing import SubscriptionRules, judged
from services.billing.domain.subscriptions.subscription import (
    InvoiceState,
    Returned,
    Subscription,
    SubscriptionId,
    SubscriptionState,
)
from shared.money import Money

BEGIN = datetime(2027, 1, 1, 12, tzinfo=UTC)
END = datetime(2027, 2, 1, 12, tzinfo=UTC)
NEXT_END = datetime(2027, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
RULES = SubscriptionRules(grace=3 * DAY, most_failures=3, check_every=HOUR, renewal_notice=DAY, trial_notice=3 * DAY)
NEW = Subscription(SubscriptionId("sub_1"), "acct_1", PlanId("license-monthly"), Money(2500, "usd"), BEGIN)


def an_invoice(name: str = "in_1", **more: Any) -> InvoiceState:
    """The first period's, paid."""
    told: dict[str, Any] = {
        "status": "paid",
        "billing_reason": "subscription_create",
        "currency": "usd",
        "total_minor": 2500,
        "paid_minor": 2500,
        "attempts": 1,
        "created_at": BEGIN,
        "period_start_at": BEGIN,
        "period_end_at": END,
        "paid_at": BEGIN,
        "intent_id": f"pi_{name}",
        **more,
    }
    return InvoiceState(name, **told)


def unpaid(name: str = "in_2", *, attempts: int = 1, **more: Any) -> InvoiceState:
    """The second period's, open."""
    told: dict[str, Any] = {
        "status": "open",
        "paid_minor": 0,
        "paid_at": None,
        "attempts": attempts,
        "created_at": END,
        "period_start_at": END,
        "period_end_at": NEXT_END,
        **more,
    }
    return an_invoice(name, **told)


def a_state(*invoices: InvoiceState, **more: Any) -> SubscriptionState:
    """`invoices`, else the first period's, paid."""
    told: dict[str, Any] = {
        "customer_id": "cus_1",
        "status": "active",
        "price_id": "price_1",
        "item_id": "si_1",
        "period_start_at": BEGIN,
        "period_end_at": END,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "trial_ends_at": None,
        "collection_paused": False,
        "livemode": False,
        "asked_at": BEGIN,
        "invoices": invoices or (an_invoice(),),
        **more,
    }
    return SubscriptionState("sub_stripe", **told)


def after(
    *states: SubscriptionState,
    now: datetime = BEGIN,
    before: Subscription = NEW,
    returned: Returned = Returned(),  # noqa: B008  a frozen value
) -> Subscription:
    """What comes of these states, each asked for after the one before."""
    for place, state in enumerate(states):
        told = replace(state, asked_at=BEGIN + place * SECOND)
        before = judged(before, told, returned, now=now, rules=RULES)
    return before


def says(subscription: Subscription) -> tuple[str, str, str | None]:
    reason = subscription.reason
    return subscription.status.value, subscription.standing.value, reason.value if reason else None
