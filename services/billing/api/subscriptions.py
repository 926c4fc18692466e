"""/api/v1/subscriptions: an account subscribes, looks at its subscriptions, and changes them (L6, L8)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, NotRequired

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import active_caller_required, billing_of, caller_of
from services.billing.domain.subscriptions.subscription import PREFIX, Reason, Status, Subscription
from services.billing.use_cases import subscription_changes as changes
from services.billing.use_cases.subscribing import (
    SubscriptionOrder,
    find_subscription,
    list_subscriptions,
    subscribe,
)
from shared.db import Connection
from shared.doors import (
    MoneyView,
    StrictRoute,
    Wire,
    answer,
    guarded,
    one_of,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["subscriptions"])

Address = Annotated[str, Field(max_length=4_000)]
PlanName = Annotated[str, Field(min_length=1, max_length=64)]


class SubscribeBody(Wire):
    """Which plan, and where the customer goes after the page."""

    plan: PlanName
    success_url: Address | None = None
    cancel_url: Address | None = None


class CancelBody(Wire):
    """Now, or with the period that is paid."""

    at_period_end: bool = False


class ChangePlanBody(Wire):
    """The plan to go on with."""

    plan: PlanName


class SubscriptionCheckoutView(TypedDict):
    """Where to pay for a new subscription."""

    id: str
    checkout_url: str | None


class SubscriptionView(TypedDict):
    """`expires_at` is the end of what is paid, or of a trial; `reason` why its license is not good. `license_id` is
    null until there is one, and while licensing does not answer. `checkout_url` is there while it may be paid."""

    id: str
    status: Annotated[str, one_of(Status)]
    stripe_status: str | None
    reason: Annotated[str | None, Field(description=", ".join(Reason))]
    plan: str
    price: MoneyView
    current_period_start: datetime | None
    current_period_end: datetime | None
    expires_at: datetime | None
    trial_end: datetime | None
    cancel_at_period_end: bool
    canceled_at: datetime | None
    paused_at: datetime | None
    payment_failures: int
    license_id: str | None
    created_at: datetime
    checkout_url: NotRequired[str]


@refuses("not_found")
async def _own_subscription(request: Request) -> None:
    """Guard: the subscription of the path is the caller's. Leaves it on `request.state.subscription`."""
    request.state.subscription = await find_subscription(
        billing_of(request), caller_of(request).account_id, request.path_params["subscription_id"]
    )


@router.post(
    "/api/v1/subscriptions/checkout", status_code=201, response_model=SubscriptionCheckoutView, summary="Subscribe"
)
@guarded(active_caller_required)
@refuses("service_unavailable")
@takes_idempotency_key
async def begin_subscription(request: Request, body: SubscribeBody) -> Response:
    """201 with the subscription's id and the page on which it is paid, within 23 hours. Its license works as soon as it
    is."""

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, subscription: Subscription) -> Response:
            return await claim.keep(connection, 201, {"id": subscription.id, "checkout_url": subscription.checkout_url})

        order = SubscriptionOrder(body.plan, success_url=body.success_url, cancel_url=body.cancel_url)
        return await subscribe(billing_of(request), caller_of(request).account_id, order, finish)

    return await idempotently(request, caller_of(request).account_id, work)


@router.get("/api/v1/subscriptions", response_model=Page[SubscriptionView], summary="List subscriptions")
@guarded(caller_required)
async def list_own(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """Newest first."""
    billing, cursor = billing_of(request), checked_cursor(PREFIX, after)
    found = await list_subscriptions(billing, caller_of(request).account_id, after=cursor, limit=limit + 1)
    licenses = await billing.licensing.licenses_of(each.id for each in found[:limit])
    return page(found, limit, lambda each: subscription_view(each, licenses))


@router.get("/api/v1/subscriptions/{subscription_id}", response_model=SubscriptionView, summary="Read a subscription")
@guarded(caller_required, _own_subscription)
async def read_own(request: Request, subscription_id: str) -> Response:
    """The subscription as it is now."""
    return answer(await _view(request, request.state.subscription))


@router.post(
    "/api/v1/subscriptions/{subscription_id}/cancel", response_model=SubscriptionView, summary="Cancel a subscription"
)
@guarded(active_caller_required, _own_subscription)
@refuses("subscription_ended", "subscription_began", "service_unavailable")
@takes_idempotency_key
async def cancel(request: Request, subscription_id: str, body: CancelBody | None = None) -> Response:
    """At once, and its license is revoked for good; or with `at_period_end` both when the paid period ends, until when
    it can be resumed. One that was never paid ends at once."""

    async def work(claim: Claim) -> Response:
        at_period_end = body is not None and body.at_period_end

        async def change() -> Subscription:
            billing, account_id = billing_of(request), caller_of(request).account_id
            return await changes.cancel(billing, account_id, subscription_id, at_period_end=at_period_end)

        return await _changed(request, claim, change)

    return await idempotently(request, caller_of(request).account_id, work)


@router.post(
    "/api/v1/subscriptions/{subscription_id}/pause", response_model=SubscriptionView, summary="Pause a subscription"
)
@guarded(active_caller_required, _own_subscription)
@refuses("subscription_ended", "not_pausable", "service_unavailable")
@takes_idempotency_key
async def pause(request: Request, subscription_id: str) -> Response:
    """Nothing more is charged. Its license is good until what is paid is used up, then suspended."""

    async def work(claim: Claim) -> Response:
        async def change() -> Subscription:
            return await changes.pause(billing_of(request), caller_of(request).account_id, subscription_id)

        return await _changed(request, claim, change)

    return await idempotently(request, caller_of(request).account_id, work)


@router.post(
    "/api/v1/subscriptions/{subscription_id}/resume", response_model=SubscriptionView, summary="Resume a subscription"
)
@guarded(active_caller_required, _own_subscription)
@refuses("subscription_ended", "not_paused", "card_declined", "service_unavailable")
@takes_idempotency_key
async def resume(request: Request, subscription_id: str) -> Response:
    """Undoes a cancel at the period's end, or a pause; where what was paid is used up, a new period is paid at once."""

    async def work(claim: Claim) -> Response:
        async def change() -> Subscription:
            return await changes.resume(billing_of(request), caller_of(request).account_id, subscription_id)

        return await _changed(request, claim, change)

    return await idempotently(request, caller_of(request).account_id, work)


@router.post(
    "/api/v1/subscriptions/{subscription_id}/change", response_model=SubscriptionView, summary="Change the plan"
)
@guarded(active_caller_required, _own_subscription)
@refuses("subscription_ended", "not_changeable", "card_declined", "service_unavailable")
@takes_idempotency_key
async def change_plan(request: Request, subscription_id: str, body: ChangePlanBody) -> Response:
    """At once: what the rest of the period costs more is charged, what it costs less is credited to later invoices.
    Where the card is refused the old plan stays."""

    async def work(claim: Claim) -> Response:
        async def change() -> Subscription:
            billing, account_id = billing_of(request), caller_of(request).account_id
            return await changes.change_plan(billing, account_id, subscription_id, body.plan)

        return await _changed(request, claim, change)

    return await idempotently(request, caller_of(request).account_id, work)


def subscription_view(subscription: Subscription, licenses: Mapping[str, str]) -> SubscriptionView:
    """A subscription as the API shows it."""
    view: SubscriptionView = {
        "id": subscription.id,
        "status": subscription.status.value,
        "stripe_status": subscription.stripe_status,
        "reason": subscription.reason.value if subscription.reason else None,
        "plan": subscription.plan_id,
        "price": subscription.price,
        "current_period_start": subscription.current_period_start_at,
        "current_period_end": subscription.current_period_end_at,
        "expires_at": subscription.expires_at,
        "trial_end": subscription.trial_ends_at,
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "canceled_at": subscription.canceled_at,
        "paused_at": subscription.paused_at,
        "payment_failures": subscription.payment_failures,
        "license_id": licenses.get(subscription.id),
        "created_at": subscription.created_at,
    }
    if subscription.status is Status.INCOMPLETE and subscription.checkout_url is not None:
        view["checkout_url"] = subscription.checkout_url
    return view


async def _view(request: Request, subscription: Subscription) -> SubscriptionView:
    return subscription_view(subscription, await billing_of(request).licensing.licenses_of([subscription.id]))


async def _changed(request: Request, claim: Claim, change: Callable[[], Awaitable[Subscription]]) -> Response:
    """What it has become, kept as the key's answer: Stripe has changed it by then, and asked again changes nothing."""
    view = await _view(request, await change())
    async with billing_of(request).database.transaction() as connection:
        return await claim.keep(connection, 200, view)
