"""Plans, and subscriptions to them."""

from tollgate_client import views
from tollgate_client.calls.call import Call, Listing, get, make, path_part, without_none


def plans() -> Call[views.Plans]:
    """What can be subscribed to; needs no credential."""
    return get("/api/v1/plans")


def subscribe(
    *, plan: str, success_url: str | None = None, cancel_url: str | None = None, idempotency_key: str | None = None
) -> Call[views.SubscriptionCheckout]:
    """A page on which the plan's first period is paid."""
    body = without_none(plan=plan, success_url=success_url, cancel_url=cancel_url)
    return make("/api/v1/subscriptions/checkout", body, idempotency_key)


def subscriptions(*, page_size: int = 100) -> Listing[views.Subscription]:
    return Listing("/api/v1/subscriptions", page_size)


def subscription(subscription_id: str) -> Call[views.Subscription]:
    return get(f"/api/v1/subscriptions/{path_part(subscription_id)}")


def cancel_subscription(
    subscription_id: str, *, at_period_end: bool, idempotency_key: str | None = None
) -> Call[views.Subscription]:
    """At once: its license is revoked for good. At the period's end: both end then, unless it is resumed before."""
    return make(_of(subscription_id, "cancel"), {"at_period_end": at_period_end}, idempotency_key)


def resume_subscription(subscription_id: str, *, idempotency_key: str | None = None) -> Call[views.Subscription]:
    """Undo a cancellation at the period's end, or a pause."""
    return make(_of(subscription_id, "resume"), None, idempotency_key)


def pause_subscription(subscription_id: str, *, idempotency_key: str | None = None) -> Call[views.Subscription]:
    """What is paid stays usable."""
    return make(_of(subscription_id, "pause"), None, idempotency_key)


def change_subscription(
    subscription_id: str, *, plan: str, idempotency_key: str | None = None
) -> Call[views.Subscription]:
    return make(_of(subscription_id, "change"), {"plan": plan}, idempotency_key)


def _of(subscription_id: str, verb: str) -> str:
    return f"/api/v1/subscriptions/{path_part(subscription_id)}/{verb}"
