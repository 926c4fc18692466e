"""Billing -> whoever follows subscriptions: what the event `subscription.changed` tells, and what
`GET /internal/v1/subscriptions/{id}` answers. Instants are RFC 3339 in UTC.

`version` grows with each change: older news than what is known already is to be left alone.
"""

from typing import Literal, TypedDict

CHANGED = "subscription.changed"

Standing = Literal["pending", "good", "suspended", "revoked", "void"]


class PlanFacts(TypedDict):
    """What a subscription's license may do. With `lease_seconds` it floats."""

    id: str
    name: str
    max_activations: int
    lease_seconds: int | None
    entitlements: list[str]


class SubscriptionFacts(TypedDict):
    """`reason` says why the standing is `suspended`, `revoked` or `void`: payment_failed, grace_over, dispute, paused,
    canceled, refunded, dispute_lost, license_revoked, incomplete_expired. `expires_at` is the end of what is paid, or
    of a trial; the license lives on for `grace_seconds` past it while its standing is good."""

    subscription_id: str
    account_id: str
    stripe_subscription_id: str | None
    stripe_customer_id: str | None
    plan: PlanFacts
    status: str
    standing: Standing
    reason: str | None
    expires_at: str | None
    grace_seconds: int
    trialing: bool
    version: int


def path_of(subscription_id: str) -> str:
    return f"/internal/v1/subscriptions/{subscription_id}"
