"""Explaining a subscription: what the tables hold of it, as one story. Asks nobody else and locks nothing."""

from dataclasses import dataclass

from services.billing.domain.subscriptions.story import SubscriptionLine, story_of
from services.billing.domain.subscriptions.subscription import PREFIX, Subscription
from services.billing.service import Billing
from services.billing.store import subscription_stories, subscriptions
from shared.errors import NotFound
from shared.ids import decode


@dataclass(frozen=True, slots=True)
class ExplainedSubscription:
    """A subscription and its story."""

    subscription: Subscription
    story: list[SubscriptionLine]


async def explain_subscription(billing: Billing, subscription_id: str) -> ExplainedSubscription:
    """The subscription, whosever it is, and its story in order. Raises NotFound."""
    if decode(PREFIX, subscription_id) is None:
        raise NotFound("subscription")
    async with billing.database.transaction() as connection:
        found = await subscriptions.find(connection, subscription_id)
        if found is None:
            raise NotFound("subscription")
        steps = await subscription_stories.steps_of(connection, found.id)
        invoices = await subscription_stories.invoices_of(connection, found.id)
    return ExplainedSubscription(found, story_of(steps, invoices))
