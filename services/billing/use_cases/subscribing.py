"""Subscribing: a row, then Stripe's page, which names it.

So whoever hears of the subscription that the page begins knows whose it is. No transaction is held over a call to
Stripe. What becomes of a page, paid or left, is settled like all else (`subscription_settling`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.subscribing import NewPage, Page, create_page
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.subscriptions.notices import next_look
from services.billing.domain.subscriptions.plan import Plan
from services.billing.domain.subscriptions.subscription import PREFIX, Subscription, SubscriptionId
from services.billing.service import Billing
from services.billing.store import plans, subscriptions
from services.billing.use_cases.causes import caused_by, present_cause
from services.billing.use_cases.plans import sold_at_stripe
from services.billing.use_cases.return_addresses import return_address
from services.billing.use_cases.saved_cards import customer_of, stripe_is_away
from services.billing.use_cases.subscription_settling import keep_never_begun
from shared.db import Connection
from shared.errors import DomainError, Invalid, NotFound
from shared.ids import decode, new_id
from shared.telemetry import logger_of

logger = logger_of("subscriptions")

PAGE_LASTS = timedelta(hours=23)
"""Stripe keeps a page for 24 hours at most, by its own clock."""
_PAID_PATH, _LEFT_PATH = "subscriptions/paid", ""

T = TypeVar("T")
Finish = Callable[[Connection, Subscription], Awaitable[T]]
"""Makes and keeps the caller's answer in the transaction of the last step."""


@dataclass(frozen=True, slots=True)
class SubscriptionOrder:
    """What is asked for. Addresses left out lead to the platform's own front page."""

    plan_id: str
    success_url: str | None = None
    cancel_url: str | None = None


async def subscribe(billing: Billing, account_id: str, order: SubscriptionOrder, finish: Finish[T]) -> T:
    """A subscription with the page on which it is paid. Raises Invalid, `service_unavailable`."""
    plan = await plan_on_sale(billing, order.plan_id)
    success = return_address(billing, order.success_url, "/success_url", _PAID_PATH)
    cancel = return_address(billing, order.cancel_url, "/cancel_url", _LEFT_PATH)
    customer_id = await customer_of(billing, account_id)
    price_id = await price_of(billing, plan)
    with caused_by(CauseKind.CHECKOUT):
        subscription = await _begin(billing, account_id, plan, customer_id)
        wanted = NewPage(
            subscription_id=subscription.id,
            account_id=account_id,
            customer_id=customer_id,
            price_id=price_id,
            trial_days=plan.trial_days,
            success_url=success,
            cancel_url=cancel,
            expires_at=subscription.created_at + PAGE_LASTS,
        )
        try:
            return await _open(billing, subscription, await _make_page(billing, wanted), finish)
        except BaseException:
            await _give_up(billing, subscription)
            raise


async def plan_on_sale(billing: Billing, plan_id: str) -> Plan:
    """Raises Invalid at `/plan`."""
    async with billing.database.transaction() as connection:
        plan = await plans.find(connection, plan_id)
    if plan is None or not plan.live:
        raise Invalid("/plan", "no such plan is sold; GET /api/v1/plans lists them")
    return plan


async def price_of(billing: Billing, plan: Plan) -> str:
    """The plan's price at Stripe, made where it is missing. Raises `service_unavailable`."""
    try:
        sold = await sold_at_stripe(billing, plan)
    except (StripeUnavailable, StripeRefused) as error:
        raise stripe_is_away() from error
    assert sold.stripe_price_id is not None, "what is sold at Stripe has its price there"
    return sold.stripe_price_id


async def find_subscription(billing: Billing, account_id: str, subscription_id: str) -> Subscription:
    """The account's subscription. Raises NotFound."""
    found = None
    if decode(PREFIX, subscription_id) is not None:
        async with billing.database.transaction() as connection:
            found = await subscriptions.find(connection, subscription_id)
    if found is None or found.account_id != account_id:
        raise NotFound("subscription")
    return found


async def list_subscriptions(
    billing: Billing, account_id: str | None, *, status: str | None = None, after: str | None, limit: int
) -> list[Subscription]:
    """Up to `limit`, newest first, after the one that `after` names; of an account, or of all. Raises
    `invalid_cursor`."""
    async with billing.database.transaction() as connection:
        if after is not None:
            named = await subscriptions.find(connection, after)
            if named is None or account_id not in {None, named.account_id}:
                raise DomainError("invalid_cursor", "`after` is no subscription in this list.")
        return await subscriptions.page(connection, account_id=account_id, status=status, after=after, limit=limit)


async def _begin(billing: Billing, account_id: str, plan: Plan, customer_id: str) -> Subscription:
    now = billing.clock.now()
    begun = Subscription(
        id=SubscriptionId(new_id(PREFIX, at=now)),
        account_id=account_id,
        plan_id=plan.id,
        price=plan.price,
        created_at=now,
        stripe_customer_id=customer_id,
    )
    begun = replace(begun, check_at=next_look(begun, now=now, rules=billing.settings.subscription_rules))
    async with billing.database.transaction() as connection:
        await subscriptions.insert(connection, begun)
        await subscriptions.append_step(connection, None, begun, present_cause(), at=now)
    return begun


async def _make_page(billing: Billing, wanted: NewPage) -> Page:
    try:
        page = await create_page(billing.stripe, wanted)
    except (StripeUnavailable, StripeRefused) as error:
        logger.warning("subscribing_without_stripe", subscription_id=wanted.subscription_id, error=str(error))
        raise stripe_is_away() from error
    if page.url is None:
        raise stripe_is_away()
    return page


async def _open(billing: Billing, subscription: Subscription, page: Page, finish: Finish[T]) -> T:
    """Save the page with the row, and the caller's answer with both. Nobody knows the page before that, so nothing can
    have become of it."""
    async with billing.database.transaction() as connection:
        current = await subscriptions.locked(connection, subscription.id)
        assert current is not None
        opened = replace(current, session_id=page.id, checkout_url=page.url)
        await subscriptions.save(connection, opened, at=billing.clock.now())
        return await finish(connection, opened)


async def _give_up(billing: Billing, subscription: Subscription) -> None:
    """It has no page, and will have none. Should this fail too, the monitor does it."""
    try:
        async with billing.database.transaction() as connection:
            await keep_never_begun(billing, connection, subscription.id)
    except Exception as error:  # noqa: BLE001
        logger.warning("subscription_without_page_kept", subscription_id=subscription.id, error=type(error).__name__)
