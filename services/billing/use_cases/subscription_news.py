"""How others hear of a subscription: siblings by the event `subscription.changed`, its account by mail."""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from services.billing.domain.subscriptions.mail_words import words_of
from services.billing.domain.subscriptions.notices import Notice
from services.billing.domain.subscriptions.plan import Plan
from services.billing.domain.subscriptions.standing import SubscriptionRules
from services.billing.domain.subscriptions.subscription import Reason, Standing, Status, Subscription
from services.billing.service import Billing
from services.billing.store import plans, subscriptions
from shared import mails, outbox
from shared.contracts.mails import Template
from shared.contracts.subscriptions import CHANGED, SubscriptionFacts
from shared.db import Connection
from shared.errors import NotFound

_COMMITTED_IN_SECONDS = 0.1


async def tell_subscription(billing: Billing, connection: Connection, subscription: Subscription) -> None:
    """`subscription.changed`, in the transaction that changed it. Of one that Stripe has not begun nobody hears."""
    if subscription.stripe_subscription_id is None:
        return
    facts = facts_of(subscription, await _plan(connection, subscription), billing.settings.subscription_rules)
    await outbox.publish(connection, CHANGED, subscription.id, {**facts}, at=billing.clock.now())
    asyncio.get_running_loop().call_later(_COMMITTED_IN_SECONDS, billing.news_bell.set)


async def subscription_facts(billing: Billing, subscription_id: str) -> SubscriptionFacts:
    """The same facts as they are now. Raises NotFound."""
    async with billing.database.transaction() as connection:
        found = await subscriptions.find(connection, subscription_id)
        if found is None:
            raise NotFound("subscription")
        return facts_of(found, await _plan(connection, found), billing.settings.subscription_rules)


async def mail(billing: Billing, connection: Connection, subscription: Subscription, notices: Iterable[Notice]) -> None:
    """Ask for the notices' mails, each once however often it is worked out."""
    told = list(notices)
    if not told:
        return
    plan = await _plan(connection, subscription)
    for notice in told:
        values = words_of(notice, subscription, plan.name, billing.settings.subscription_rules)
        template: Template = notice.kind.value
        message_id = f"{subscription.id}:{notice.key}"
        at = billing.clock.now()
        await mails.enqueue(connection, message_id, subscription.account_id, template, values, at=at)


def facts_of(subscription: Subscription, plan: Plan, rules: SubscriptionRules) -> SubscriptionFacts:
    """As `shared.contracts.subscriptions` has it. Pure."""
    return {
        "subscription_id": subscription.id,
        "account_id": subscription.account_id,
        "stripe_subscription_id": subscription.stripe_subscription_id,
        "stripe_customer_id": subscription.stripe_customer_id,
        "plan": {
            "id": plan.id,
            "name": plan.name,
            "max_activations": plan.max_activations,
            "lease_seconds": plan.lease_seconds,
            "entitlements": list(plan.entitlements),
        },
        "status": subscription.status.value,
        "standing": subscription.standing.value,
        "reason": _reason(subscription),
        "expires_at": _instant(subscription.expires_at),
        "grace_seconds": int(rules.grace.total_seconds()),
        "trialing": subscription.status is Status.TRIALING,
        "version": subscription.version,
    }


def _reason(subscription: Subscription) -> str | None:
    """What is pending needs no reason; what never began has ended by that."""
    if subscription.reason is not Reason.NEVER_PAID:
        return subscription.reason.value if subscription.reason else None
    return "incomplete_expired" if subscription.standing is Standing.VOID else None


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


async def _plan(connection: Connection, subscription: Subscription) -> Plan:
    plan = await plans.find(connection, subscription.plan_id)
    assert plan is not None, "a subscription's plan is referred to"
    return plan
