"""What subscriptions are and bring (L12), counted when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.billing.domain.subscriptions.recurring import monthly, yearly
from services.billing.domain.subscriptions.subscription import Status
from services.billing.service import Billing
from services.billing.store import subscription_figures
from services.billing.store.subscription_figures import Churn, FailedPayments
from shared.money import Money

PERIOD = timedelta(days=30)
"""Over which churn and failures are counted."""
_IN_WHICH_NOTHING_IS_PAID = (Money(0, "usd"),)


@dataclass(frozen=True, slots=True)
class SubscriptionFigures:
    """At `at`. `monthly` is monthly recurring revenue by currency, `yearly` its annual run rate."""

    at: datetime
    by_status: Mapping[Status, int]
    monthly: tuple[Money, ...]
    yearly: tuple[Money, ...]
    churn: Churn
    failed: FailedPayments


async def subscription_figures_of(billing: Billing) -> SubscriptionFigures:
    """Counted in one transaction; the policy is `domain.subscriptions.recurring`'s."""
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        paying = await subscription_figures.paying(connection)
        by_the_month = monthly(paying, now=now, grace=billing.settings.subscription_rules.grace)
        by_the_month = by_the_month or _IN_WHICH_NOTHING_IS_PAID
        return SubscriptionFigures(
            at=now,
            by_status=await subscription_figures.by_status(connection),
            monthly=by_the_month,
            yearly=yearly(by_the_month),
            churn=await subscription_figures.churn(connection, since=now - PERIOD),
            failed=await subscription_figures.failed_payments(connection, since=now - PERIOD),
        )
