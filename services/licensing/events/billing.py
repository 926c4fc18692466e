"""News from billing: `subscription.changed` (`shared.contracts.subscriptions`). Other kinds are passed over."""

from datetime import datetime
from functools import partial
from typing import cast

from services.licensing.domain.license import BillingNews, BillingState
from services.licensing.service import Licensing
from services.licensing.use_cases.following import follow
from shared.contracts.subscriptions import CHANGED, SubscriptionFacts
from shared.db import Connection
from shared.inbox import Event, FeedReader


def reader(licensing: Licensing) -> FeedReader:
    """Reads billing's feed; several readers take turns."""
    return FeedReader("billing", "licensing", licensing.database, licensing.billing, partial(handle, licensing))


async def handle(licensing: Licensing, connection: Connection, event: Event) -> None:
    """One event, in the transaction that moves the cursor."""
    if event.kind == CHANGED:
        facts = cast(SubscriptionFacts, event.data)
        await follow(licensing, connection, news_of(facts), plan_name=facts["plan"]["name"])


def news_of(facts: SubscriptionFacts) -> BillingNews:
    """As the domain says it. A subscription that Stripe does not know yet goes by our own ids."""
    plan = facts["plan"]
    return BillingNews(
        subscription_id=facts["subscription_id"],
        account_id=facts["account_id"],
        customer_ref=facts["stripe_customer_id"] or facts["account_id"],
        subscription_ref=facts["stripe_subscription_id"] or facts["subscription_id"],
        plan_id=plan["id"],
        max_activations=plan["max_activations"],
        lease_seconds=plan["lease_seconds"],
        entitlements=tuple(plan["entitlements"]),
        state=BillingState(facts["standing"]),
        reason=facts["reason"],
        expires_at=None if facts["expires_at"] is None else datetime.fromisoformat(facts["expires_at"]),
        grace_seconds=facts["grace_seconds"],
        version=facts["version"],
    )
