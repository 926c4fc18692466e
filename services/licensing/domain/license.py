"""A license: what a key entitles to, as billing and operators say. Whether it is valid now is `verdict`'s to judge.

`billing_state` follows billing's news and nothing else, `admin_state` operators' deeds and nothing else; neither undoes
the other, and any denial wins. Instants are business time. Pure.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

LicenseId = NewType("LicenseId", str)
PREFIX = "lic"


class BillingState(StrEnum):
    """What billing says that the license entitles to, apart from time: its subscription's standing."""

    PENDING = "pending"
    """Nothing was paid yet."""
    GOOD = "good"
    SUSPENDED = "suspended"
    """Undone by payment, with the same key and activations."""
    REVOKED = "revoked"
    """For good."""
    VOID = "void"
    """It never began."""


FINAL = frozenset({BillingState.REVOKED, BillingState.VOID})


class AdminState(StrEnum):
    """What operators say."""

    NONE = "none"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    """For good: neither payments nor other plans nor operators bring it back."""


class Origin(StrEnum):
    SUBSCRIPTION = "subscription"
    OPERATOR = "operator"


class Status(StrEnum):
    """A license in one word, for lists and statistics."""

    PENDING = "pending"
    ACTIVE = "active"
    GRACE = "grace"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class License:
    """One license of one account. `expires_at` is the end of what was paid; None: nothing was paid yet, or, where an
    operator made it, no end. `lease_seconds` None: activations need no heartbeat. `sequence` counts its license files,
    `billing_version` is that of the news it last followed. Its keys lie beside it (`license_keys`)."""

    id: LicenseId
    account_id: str
    plan_id: str | None
    origin: Origin
    created_at: datetime
    subscription_id: str | None = None
    customer_ref: str = ""
    subscription_ref: str = ""
    billing_state: BillingState = BillingState.PENDING
    billing_reason: str | None = None
    admin_state: AdminState = AdminState.NONE
    admin_reason: str | None = None
    expires_at: datetime | None = None
    grace_seconds: int = 0
    max_activations: int = 1
    lease_seconds: int | None = None
    entitlements: tuple[str, ...] = ()
    sequence: int = 0
    billing_version: int = 0
    welcomed_at: datetime | None = None
    last_validated_at: datetime | None = None

    @property
    def grace_ends_at(self) -> datetime | None:
        """When what was paid ends with its grace."""
        return None if self.expires_at is None else self.expires_at + timedelta(seconds=self.grace_seconds)

    @property
    def is_revoked(self) -> bool:
        return self.admin_state is AdminState.REVOKED or self.billing_state in FINAL

    @property
    def is_suspended(self) -> bool:
        return self.admin_state is AdminState.SUSPENDED or self.billing_state is BillingState.SUSPENDED

    @property
    def is_pending(self) -> bool:
        """Whether nothing was paid yet. Billing's good word alone, without a paid end, grants nothing."""
        unpaid = self.expires_at is None and self.origin is Origin.SUBSCRIPTION
        return self.billing_state is BillingState.PENDING or unpaid


def status_of(license: License, now: datetime) -> Status:
    """The first that holds; the order is `verdict`'s."""
    if license.is_revoked:
        return Status.REVOKED
    if license.is_suspended:
        return Status.SUSPENDED
    if license.is_pending:
        return Status.PENDING
    if license.expires_at is None or now < license.expires_at:
        return Status.ACTIVE
    ends_at = license.grace_ends_at
    assert ends_at is not None
    return Status.GRACE if now < ends_at else Status.EXPIRED


@dataclass(frozen=True, slots=True)
class BillingNews:
    """What billing says of a subscription at one version of it. Later versions say everything anew, so that only the
    last one counts and one that was missed is no loss."""

    subscription_id: str
    account_id: str
    customer_ref: str
    subscription_ref: str
    plan_id: str
    max_activations: int
    lease_seconds: int | None
    entitlements: tuple[str, ...]
    state: BillingState
    reason: str | None
    expires_at: datetime | None
    grace_seconds: int
    version: int


def followed(license: License, news: BillingNews) -> License:
    """The license after this news; as it was where the news is no newer than what it has heard, or where it has ended
    for good. Leaves `admin_state` alone."""
    assert license.subscription_id == news.subscription_id and license.account_id == news.account_id
    if news.version <= license.billing_version:
        return license
    if license.billing_state in FINAL:
        return replace(license, billing_version=news.version)
    return replace(
        license,
        plan_id=news.plan_id,
        billing_state=news.state,
        billing_reason=news.reason,
        expires_at=news.expires_at,
        grace_seconds=news.grace_seconds,
        max_activations=news.max_activations,
        lease_seconds=news.lease_seconds,
        entitlements=news.entitlements,
        billing_version=news.version,
    )
