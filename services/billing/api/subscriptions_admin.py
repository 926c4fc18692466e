"""Operators look at anybody's subscriptions, at what all of them bring (L12), and switch their monitoring (L6)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import actor_of, billing_of
from services.billing.api.subscriptions import SubscriptionView, subscription_view
from services.billing.domain.subscriptions.story import LineKind
from services.billing.domain.subscriptions.subscription import PREFIX, Standing, Subscription
from services.billing.store.subscription_monitoring import Monitoring
from services.billing.use_cases import subscription_monitoring
from services.billing.use_cases.subscribing import list_subscriptions
from services.billing.use_cases.subscription_explain import explain_subscription
from services.billing.use_cases.subscription_figures import PERIOD, SubscriptionFigures, subscription_figures_of
from shared.doors import MoneyView, StrictRoute, answer, guarded, one_of, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

OfAccount = Annotated[
    str | None, Query(pattern=r"^acct_[0-9A-HJKMNP-TV-Z]{26}$", description="Only subscriptions of this account.")
]
OfStatus = Annotated[
    Literal["incomplete", "trialing", "active", "past_due", "suspended", "paused", "canceled", "expired"] | None,
    Query(description="Only subscriptions of this status."),
]


class SubscriptionForOperatorsView(SubscriptionView):
    """A subscription with whose it is, how its license stands, and Stripe's ids. `version` counts its changes."""

    account_id: str
    standing: Annotated[str, one_of(Standing)]
    version: int
    stripe_subscription_id: str | None
    stripe_customer_id: str | None
    session_id: str | None
    failing_invoice_id: str | None
    suspended_at: datetime | None
    check_at: datetime | None


class SubscriptionLineView(TypedDict):
    """What happened when. Further members name what it is about, by our ids and Stripe's."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    at: datetime
    kind: LineKind
    text: str


class ExplainedSubscriptionView(TypedDict):
    subscription: SubscriptionForOperatorsView
    story: list[SubscriptionLineView]


class ChurnView(TypedDict):
    """Of `at_start` subscriptions that ran `days` ago, `ended` have ended since: `rate` is their share, `0.0250` for
    one in forty. `began` have begun since."""

    days: int
    at_start: int
    ended: int
    began: int
    rate: str


class FailedPaymentsView(TypedDict):
    """`subscriptions` whose last invoice failed and is due now, with what they owe. Of the last `days`: `invoices` that
    were not paid at the first attempt, `recovered` of them later."""

    subscriptions: int
    due: list[MoneyView]
    days: int
    invoices: int
    recovered: int


class SubscriptionStatisticsView(TypedDict):
    """`mrr` is what active subscriptions, and late ones within the grace, bring by the month, net of discounts; `arr`
    is twelve times that. Trials, paused and suspended ones do not count."""

    at: datetime
    by_status: dict[str, int]
    mrr: list[MoneyView]
    arr: list[MoneyView]
    churn: ChurnView
    failed_payments: FailedPaymentsView


class MonitoringView(TypedDict):
    """Whether subscriptions are compared with Stripe, how many are due now, and when that was last done."""

    running: bool
    changed_at: datetime | None
    changed_by: str | None
    looked_at: datetime | None
    due: int


@router.get(
    "/api/v1/admin/subscriptions",
    response_model=Page[SubscriptionForOperatorsView],
    summary="List everybody's subscriptions",
)
@guarded(operator_required)
async def list_all(
    request: Request,
    limit: Limit = 20,
    after: After = None,
    status: OfStatus = None,
    account: OfAccount = None,
) -> Response:
    """Newest first."""
    billing, cursor = billing_of(request), checked_cursor(PREFIX, after)
    found = await list_subscriptions(billing, account, status=status, after=cursor, limit=limit + 1)
    licenses = await billing.licensing.licenses_of(each.id for each in found[:limit])
    return page(found, limit, lambda each: operators_view(each, licenses))


@router.get(
    "/api/v1/admin/subscriptions/statistics",
    response_model=SubscriptionStatisticsView,
    summary="Count subscriptions and what they bring",
)
@guarded(operator_required)
async def read_statistics(request: Request) -> Response:
    """By status; monthly and yearly recurring revenue in each currency; churn and failed payments of 30 days."""
    return answer(_statistics(await subscription_figures_of(billing_of(request))))


@router.get(
    "/api/v1/admin/subscriptions/monitoring", response_model=MonitoringView, summary="Read the monitoring's state"
)
@guarded(operator_required)
async def read_monitoring(request: Request) -> Response:
    """Of all processes together."""
    return answer(_monitoring(await subscription_monitoring.monitoring_state(billing_of(request))))


@router.post(
    "/api/v1/admin/subscriptions/monitoring/start", response_model=MonitoringView, summary="Start the monitoring"
)
@guarded(operator_required)
async def start_monitoring(request: Request) -> Response:
    """It runs from the first start; what was due meanwhile is looked at now."""
    by = actor_of(request).account_id
    return answer(_monitoring(await subscription_monitoring.start_monitoring(billing_of(request), by=by)))


@router.post(
    "/api/v1/admin/subscriptions/monitoring/stop", response_model=MonitoringView, summary="Stop the monitoring"
)
@guarded(operator_required)
async def stop_monitoring(request: Request) -> Response:
    """Stripe's events and customers' requests are followed all the same."""
    by = actor_of(request).account_id
    return answer(_monitoring(await subscription_monitoring.stop_monitoring(billing_of(request), by=by)))


@router.get(
    "/api/v1/admin/subscriptions/{subscription_id}/explain",
    response_model=ExplainedSubscriptionView,
    summary="Explain a subscription",
)
@guarded(operator_required)
@refuses("not_found")
async def explain(request: Request, subscription_id: str) -> Response:
    """The subscription and its story in order of time: what it became, why, by whose doing, and its invoices."""
    billing = billing_of(request)
    explained = await explain_subscription(billing, subscription_id)
    licenses = await billing.licensing.licenses_of([subscription_id])
    return answer(
        {
            "subscription": operators_view(explained.subscription, licenses),
            "story": [line.as_view() for line in explained.story],
        }
    )


def operators_view(subscription: Subscription, licenses: Mapping[str, str]) -> SubscriptionForOperatorsView:
    """A subscription with what only operators see."""
    return {
        **subscription_view(subscription, licenses),
        "account_id": subscription.account_id,
        "standing": subscription.standing.value,
        "version": subscription.version,
        "stripe_subscription_id": subscription.stripe_subscription_id,
        "stripe_customer_id": subscription.stripe_customer_id,
        "session_id": subscription.session_id,
        "failing_invoice_id": subscription.failing_invoice_id,
        "suspended_at": subscription.suspended_at,
        "check_at": subscription.check_at,
    }


def _statistics(found: SubscriptionFigures) -> SubscriptionStatisticsView:
    churn, failed = found.churn, found.failed
    return {
        "at": found.at,
        "by_status": {status.value: number for status, number in found.by_status.items()},
        "mrr": list(found.monthly),
        "arr": list(found.yearly),
        "churn": {
            "days": PERIOD.days,
            "at_start": churn.at_start,
            "ended": churn.ended,
            "began": churn.began,
            "rate": churn.rate,
        },
        "failed_payments": {
            "subscriptions": failed.subscriptions,
            "due": list(failed.due),
            "days": PERIOD.days,
            "invoices": failed.invoices,
            "recovered": failed.recovered,
        },
    }


def _monitoring(state: Monitoring) -> MonitoringView:
    return {
        "running": state.running,
        "changed_at": state.changed_at,
        "changed_by": state.changed_by,
        "looked_at": state.looked_at,
        "due": state.due,
    }
