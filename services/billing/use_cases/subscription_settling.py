"""What the present state of a subscription at Stripe does here: the one way by which it becomes anything.

Whoever has learned of one (the worker of Stripe's events, the monitor, a request of its customer's) reads it and
settles it. Settling the same state again changes nothing; one that was read before the last that was settled is left
alone. What is then to be asked of Stripe is written down with the change and done afterwards (`subscription_deeds`).
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace

from services.billing.clients.stripe import StripeRefused
from services.billing.clients.stripe.subscriptions import find_subscription
from services.billing.domain.checkout_session import Ignored, SessionState
from services.billing.domain.subscriptions.deeds import Deed, deeds_wanted
from services.billing.domain.subscriptions.notices import Notice, next_look, notices_of_change, notices_of_time
from services.billing.domain.subscriptions.standing import differs, judged
from services.billing.domain.subscriptions.subscription import (
    PREFIX,
    Reason,
    Standing,
    Status,
    Subscription,
    SubscriptionId,
    SubscriptionState,
)
from services.billing.service import Billing
from services.billing.store import plans, subscription_deeds, subscription_invoices, subscriptions
from services.billing.use_cases.causes import present_cause
from services.billing.use_cases.subscription_money import book_paid_invoices, returned_of
from services.billing.use_cases.subscription_news import mail, tell_subscription
from shared.db import Connection
from shared.ids import decode
from shared.telemetry import logger_of

logger = logger_of("subscriptions")

_COMMITTED_IN_SECONDS = 0.1


async def read_subscription(billing: Billing, stripe_subscription_id: str) -> SubscriptionState | None:
    """Ask Stripe for it, with its invoices; None where Stripe knows none. To be called outside any transaction. Raises
    StripeRefused, StripeUnavailable."""
    return await find_subscription(billing.stripe, stripe_subscription_id, asked_at=billing.clock.real_now())


async def settle_subscription(billing: Billing, connection: Connection, state: SubscriptionState) -> Ignored | None:
    """Apply a state in the caller's transaction: the row, its step, its invoices, the news, the mails, and what is to
    be asked of Stripe. Ignored with the reason where it is none of ours. Locks the subscription's row."""
    before = await _ours(billing, connection, state)
    if isinstance(before, Ignored):
        return before
    if before.asked_at is not None and state.asked_at < before.asked_at:
        return None
    await subscription_invoices.keep(connection, before.id, state.invoices, at=billing.clock.now())
    await book_paid_invoices(billing, connection, before)
    returned = await returned_of(connection, before)
    known = await _with_plan(connection, before, state)
    after = judged(known, state, returned, now=billing.clock.now(), rules=billing.settings.subscription_rules)
    after = await keep(billing, connection, before, after)
    await mail(billing, connection, after, _notices(billing, before, after, state))
    await want(billing, connection, deeds_wanted(after, state))
    return None


async def settle_anew(billing: Billing, stripe_subscription_id: str) -> Subscription:
    """Read it and settle it in a transaction of its own. Raises StripeRefused (also where Stripe knows no such
    subscription, or it is none of ours), StripeUnavailable."""
    state = await read_subscription(billing, stripe_subscription_id)
    if state is None:
        raise StripeRefused("resource_missing")
    async with billing.database.transaction() as connection:
        ignored = await settle_subscription(billing, connection, state)
        settled = await subscriptions.locked_of_stripe(connection, state.id)
    if ignored is not None or settled is None:
        raise StripeRefused("resource_missing")
    return settled


async def settle_subscription_session(
    billing: Billing, connection: Connection, session: SessionState, state: SubscriptionState | None
) -> Ignored | None:
    """The page that a subscription was to begin at: with what it began, or over without. Locks the subscription's
    row."""
    if state is not None:
        return await settle_subscription(billing, connection, state)
    before = await _of_session(connection, session)
    if before is None or session.livemode is not billing.stripe.livemode:
        return Ignored("no subscription here has this session")
    if session.status == "expired":
        await keep_never_begun(billing, connection, before.id)
    return None


async def keep(billing: Billing, connection: Connection, before: Subscription, after: Subscription) -> Subscription:
    """Save what a subscription has become, and tell of it where it differs; the version goes up by one then. The row
    must be locked. Answers it as it is kept."""
    now = billing.clock.now()
    version = before.version + 1 if differs(before, after) else before.version
    check_at = next_look(after, now=now, rules=billing.settings.subscription_rules)
    after = replace(after, version=version, check_at=check_at)
    await subscriptions.save(connection, after, at=now)
    if _stepped(before, after):
        await subscriptions.append_step(connection, before, after, present_cause(), at=now)
        logger.info(
            "subscription_stepped",
            subscription_id=after.id,
            account_id=after.account_id,
            **{"from": before.status.value, "to": after.status.value},
            standing=after.standing.value,
        )
    if version > before.version:
        await tell_subscription(billing, connection, after)
    return after


async def want(billing: Billing, connection: Connection, deeds: Iterable[Deed]) -> None:
    """Have it asked of Stripe once this is committed; what was wanted before is not wanted again."""
    wanted = await subscription_deeds.want(connection, deeds, at=billing.clock.now())
    for deed in wanted:
        logger.info("subscription_deed_wanted", subscription_id=deed.subscription_id, deed=deed.key)
    if wanted:
        asyncio.get_running_loop().call_later(_COMMITTED_IN_SECONDS, billing.deeds_bell.set)


async def keep_never_begun(billing: Billing, connection: Connection, subscription_id: SubscriptionId) -> None:
    """End one that Stripe never began, unless it has begun meanwhile. Locks its row."""
    before = await subscriptions.locked(connection, subscription_id)
    if before is None or before.stripe_subscription_id is not None or before.standing is not Standing.PENDING:
        return
    ended = replace(before, status=Status.EXPIRED, standing=Standing.VOID, reason=Reason.NEVER_PAID, checkout_url=None)
    await keep(billing, connection, before, ended)


def _notices(billing: Billing, before: Subscription, after: Subscription, state: SubscriptionState) -> Iterator[Notice]:
    """What the change is told by, and what is to be told by now."""
    if after.version > before.version:
        yield from notices_of_change(before, after, state)
    yield from notices_of_time(after, now=billing.clock.now(), rules=billing.settings.subscription_rules)


def _stepped(before: Subscription, after: Subscription) -> bool:
    def place(subscription: Subscription) -> tuple[object, ...]:
        return subscription.status, subscription.standing, subscription.reason, subscription.plan_id

    return place(before) != place(after)


async def _ours(billing: Billing, connection: Connection, state: SubscriptionState) -> Subscription | Ignored:
    """The one that it is of ours, its row locked: as Stripe calls it, or as its metadata do since the checkout."""
    found = await subscriptions.locked_of_stripe(connection, state.id)
    named = state.metadata.get("subscription_id", "")
    if found is None and decode(PREFIX, named):
        found = await subscriptions.locked(connection, named)
    if found is None:
        return Ignored("no subscription here is this one")
    stranger = _stranger(found, state, livemode=billing.stripe.livemode)
    if stranger is not None:
        logger.warning("subscription_ignored", subscription_id=found.id, reason=stranger)
        return Ignored(stranger)
    return found


def _stranger(found: Subscription, state: SubscriptionState, *, livemode: bool) -> str | None:
    if state.livemode is not livemode:
        return "the subscription is of the other mode (test or live)"
    if found.stripe_subscription_id not in {None, state.id}:
        return "the subscription here is another of Stripe's"
    if found.stripe_subscription_id is None and state.metadata.get("account_id") != found.account_id:
        return "the subscription does not name this account"
    return None


async def _of_session(connection: Connection, session: SessionState) -> Subscription | None:
    found = await subscriptions.locked_of_session(connection, session.id)
    named = session.metadata.get("subscription_id", "")
    if found is None and decode(PREFIX, named):
        found = await subscriptions.locked(connection, named)
    return found if found is not None and found.session_id in {None, session.id} else None


async def _with_plan(connection: Connection, before: Subscription, state: SubscriptionState) -> Subscription:
    """With the plan that Stripe charges for now. A price that is no plan's leaves it as it was."""
    plan = None if state.price_id is None else await plans.of_price(connection, state.price_id)
    if plan is None:
        logger.warning("price_of_no_plan", subscription_id=before.id, price_id=state.price_id)
        return before
    return before if plan.id == before.plan_id else replace(before, plan_id=plan.id, price=plan.price)
