"""What became of a license, in one word, and by whose doing. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from services.licensing.domain.license import AdminState, BillingState, License


class CauseKind(StrEnum):
    BILLING = "billing"
    OPERATOR = "operator"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Cause:
    """`reference`: the version of billing's news, or who did it."""

    kind: CauseKind
    reference: str | None = None


class Action(StrEnum):
    ISSUED = "issued"
    STARTED = "started"
    """First paid, or on trial."""
    EXTENDED = "extended"
    SUSPENDED = "suspended"
    RESTORED = "restored"
    REVOKED = "revoked"
    VOIDED = "voided"
    CHANGED = "changed"
    """Its plan, its limits, or what its owner asked for."""
    ROTATED = "rotated"
    """It has another key."""


def action_between(before: License, after: License) -> Action | None:
    """What has become of it; None: nothing that matters."""
    if (before.billing_state, before.admin_state) != (after.billing_state, after.admin_state):
        return _of_states(before, after)
    if before.expires_at != after.expires_at:
        longer = before.expires_at is not None and (after.expires_at is None or after.expires_at > before.expires_at)
        return Action.EXTENDED if longer else Action.CHANGED
    return Action.CHANGED if _terms(before) != _terms(after) else None


def _of_states(before: License, after: License) -> Action:
    if after.billing_state is BillingState.VOID and before.billing_state is not BillingState.VOID:
        return Action.VOIDED
    if after.is_revoked and not before.is_revoked:
        return Action.REVOKED
    if after.is_suspended and not before.is_suspended:
        return Action.SUSPENDED
    if before.is_suspended and not after.is_suspended:
        return Action.RESTORED
    started = before.billing_state is BillingState.PENDING and after.billing_state is BillingState.GOOD
    return Action.STARTED if started else Action.CHANGED


def _terms(license: License) -> tuple[object, ...]:
    return (
        license.plan_id,
        license.max_activations,
        license.lease_seconds,
        license.entitlements,
        license.grace_seconds,
        license.billing_reason,
        license.admin_state is AdminState.NONE,
    )
