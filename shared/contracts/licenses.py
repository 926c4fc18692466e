"""Licensing -> whoever follows licenses: what an event `license.<action>` tells, and where it says whose they are.
Instants are RFC 3339 in UTC.

`license.revoked` `by` an operator of a license that a subscription stands behind is billing's order to cancel that
subscription: who was refused for good is charged no more. One that is told `by` billing came from there. It may be told
again of a license that is revoked already.
"""

from typing import Literal, TypedDict

REVOKED = "license.revoked"

LICENSES_PATH = "/internal/v1/subscriptions/licenses"
"""`?subscription=` as often as a page is long: which license each subscription has."""

By = Literal["billing", "operator", "owner"]


class LicenseFacts(TypedDict):
    """`subscription_id` is null for a license made by hand. `status` and `expires_at` are as of the event. `by` is
    whose doing it was; `reason` is why it is not good: billing's word (`shared.contracts.subscriptions`) where `by` is
    billing, else what an operator wrote; null where nothing is said. `at` is business time."""

    license_id: str
    account_id: str
    subscription_id: str | None
    status: str
    expires_at: str | None
    by: By
    reason: str | None
    at: str
