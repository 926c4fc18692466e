"""Verdicts step by step, and statuses in one word."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from services.licensing.domain.license import AdminState, BillingState, License, LicenseId, Origin, Status, status_of
from services.licensing.domain.verdict import Code, checks, judge

END = datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PAID = License(
    id=LicenseId("lic_1"),
    account_id="acct_1",
    plan_id="license-monthly",
    origin=Origin.SUBSCRIPTION,
    subscription_id="sub_1",
    created_at=END - timedelta(days=31),
    billing_state=BillingState.GOOD,
    expires_at=END,
    grace_seconds=259_200,
    entitlements=("export",),
)
NOW = END - timedelta(days=1)


@dataclass(frozen=True)
class Activated:
    fingerprint: str | None = "print"
    deactivated_at: datetime | None = None
    lease_until: datetime | None = None
    is_given_back: bool = False


@pytest.mark.parametrize(
    ("license", "code"),
    [
        (PAID, Code.VALID),
        (replace(PAID, billing_state=BillingState.PENDING), Code.PENDING),
        (replace(PAID, expires_at=None), Code.PENDING),
        (replace(PAID, billing_state=BillingState.SUSPENDED), Code.SUSPENDED),
        (replace(PAID, billing_state=BillingState.REVOKED), Code.REVOKED),
        (replace(PAID, billing_state=BillingState.VOID), Code.REVOKED),
        (replace(PAID, admin_state=AdminState.SUSPENDED), Code.SUSPENDED),
        (replace(PAID, admin_state=AdminState.REVOKED), Code.REVOKED),
        (replace(PAID, admin_state=AdminState.SUSPENDED, billing_state=BillingState.REVOKED), Code.REVOKED),
        (replace(PAID, origin=Origin.OPERATOR, subscription_id=None, expires_at=None), Code.VALID),
    ],
)
def test_any_denial_wins_and_the_strongest_is_told(license: License, code: Code) -> None:
    assert judge(license, now=NOW).code is code


@pytest.mark.parametrize(
    ("after_end", "code", "status"),
    [
        (-SECOND, Code.VALID, Status.ACTIVE),
        (timedelta(0), Code.GRACE, Status.GRACE),
        (timedelta(days=3) - SECOND, Code.GRACE, Status.GRACE),
        (timedelta(days=3), Code.EXPIRED, Status.EXPIRED),
        (timedelta(days=3) + SECOND, Code.EXPIRED, Status.EXPIRED),
    ],
)
def test_boundaries_of_expiry_and_grace(after_end: timedelta, code: Code, status: Status) -> None:
    assert judge(PAID, now=END + after_end).code is code
    assert judge(PAID, now=END + after_end).valid == (code in {Code.VALID, Code.GRACE})
    assert status_of(PAID, END + after_end) is status


def test_without_a_grace_it_expires_at_its_end() -> None:
    assert judge(replace(PAID, grace_seconds=0), now=END).code is Code.EXPIRED


@pytest.mark.parametrize(
    ("activation", "active", "fingerprint", "code"),
    [
        (None, 0, None, Code.NOT_ACTIVATED),
        (Activated(deactivated_at=NOW), 0, "print", Code.NOT_ACTIVATED),
        (Activated(deactivated_at=NOW, lease_until=NOW, is_given_back=True), 0, "print", Code.NOT_ACTIVATED),
        (Activated(deactivated_at=NOW - SECOND, lease_until=NOW + SECOND), 0, "print", Code.HEARTBEAT_DEAD),
        (Activated(deactivated_at=NOW - SECOND, lease_until=NOW - SECOND), 1, "print", Code.HEARTBEAT_DEAD),
        (Activated(), 1, None, Code.FINGERPRINT_MISMATCH),
        (Activated(fingerprint=None), 1, None, Code.VALID),
        (Activated(), 1, "print", Code.VALID),
        (Activated(), 2, "other", Code.TOO_MANY_ACTIVATIONS),
        (Activated(), 1, "other", Code.FINGERPRINT_MISMATCH),
        (Activated(fingerprint=None), 1, "any", Code.VALID),
        (Activated(lease_until=NOW), 0, "other", Code.FINGERPRINT_MISMATCH),
        (Activated(lease_until=NOW), 0, "print", Code.HEARTBEAT_DEAD),
        (Activated(lease_until=NOW + SECOND), 1, "print", Code.VALID),
    ],
)
def test_activations_are_judged_in_order(
    activation: Activated | None, active: int, fingerprint: str | None, code: Code
) -> None:
    found = judge(
        PAID, now=NOW, activation=activation, active=active, server_id="web-1", fingerprint=fingerprint, wanted=()
    )
    assert found.code is code


def test_without_a_server_activations_are_not_judged() -> None:
    assert judge(PAID, now=NOW, active=99, fingerprint="other").code is Code.VALID


def test_entitlements_that_are_missing_are_named() -> None:
    found = judge(PAID, now=NOW, wanted=("sso", "export", "audit"))
    assert found.code is Code.ENTITLEMENTS_MISSING
    assert found.detail == "The license does not include audit, sso."


def test_an_explanation_goes_on_after_the_first_denial() -> None:
    license = replace(PAID, billing_state=BillingState.SUSPENDED, billing_reason="payment_failed")
    found = list(checks(license, now=END + timedelta(days=4), server_id="web-1", wanted=("sso",)))
    assert [check.step for check in found] == ["status", "expiry", "activation", "seats", "entitlements"]
    denials = [check.denial for check in found if check.denial]
    assert denials == [Code.SUSPENDED, Code.EXPIRED, Code.NOT_ACTIVATED, Code.ENTITLEMENTS_MISSING]
