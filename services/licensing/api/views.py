"""Licenses as the API shows them."""

from datetime import datetime
from typing import Annotated

from typing_extensions import TypedDict

from services.licensing.domain.license import License, Origin, Status, status_of
from shared.doors import one_of


class ValidatedView(TypedDict):
    """A license as whoever holds its key sees it. `expires_at` null: nothing was paid yet, or it has no end."""

    id: str
    status: Annotated[str, one_of(Status)]
    plan: str | None
    expires_at: datetime | None
    grace_ends_at: datetime | None
    max_activations: int
    entitlements: list[str]


class LicenseView(ValidatedView):
    """As its owner sees it. `reason` says why it is suspended or revoked; with `lease_seconds` activations need a
    heartbeat that often."""

    account_id: str
    subscription_id: str | None
    origin: Annotated[str, one_of(Origin)]
    reason: str | None
    grace_seconds: int
    lease_seconds: int | None
    created_at: datetime
    last_validated_at: datetime | None


class LicenseKeyView(LicenseView):
    """With its key, 16 groups of 16 hexadecimal digits."""

    key: str


def validated_view(license: License, now: datetime) -> ValidatedView:
    return {
        "id": license.id,
        "status": status_of(license, now).value,
        "plan": license.plan_id,
        "expires_at": license.expires_at,
        "grace_ends_at": license.grace_ends_at,
        "max_activations": license.max_activations,
        "entitlements": list(license.entitlements),
    }


def license_view(license: License, now: datetime) -> LicenseView:
    return {
        **validated_view(license, now),
        "account_id": license.account_id,
        "subscription_id": license.subscription_id,
        "origin": license.origin.value,
        "reason": license.admin_reason or license.billing_reason,
        "grace_seconds": license.grace_seconds,
        "lease_seconds": license.lease_seconds,
        "created_at": license.created_at,
        "last_validated_at": license.last_validated_at,
    }


def key_view(license: License, key: str, now: datetime) -> LicenseKeyView:
    return {**license_view(license, now), "key": key}
