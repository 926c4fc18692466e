"""Whether a license is valid now, and if not, why (L4).

    step          asks                                            denies with
    format        256 hex digits                                  MALFORMED               (license_key)
    signature     sealed by a master secret of ours               BAD_SIGNATURE           (license_key)
    known         one of our keys, its overlap not over           NOT_FOUND, REVOKED      (who looks it up)
    status        no denial by billing or an operator, paid       REVOKED, SUSPENDED, PENDING
    expiry        what was paid, and its grace, is not over       EXPIRED
    activation    the server was activated, its seat not given
                  back; a lease may have ended since              NOT_ACTIVATED
    seats         no more are active than the plan allows         TOO_MANY_ACTIVATIONS
    fingerprint   that of the activation, where it has one        FINGERPRINT_MISMATCH
    heartbeat     the activation's lease runs                     HEARTBEAT_DEAD
    entitlements  all that are asked for                          ENTITLEMENTS_MISSING

The first denial is the verdict; of the denials by status the strongest is told. Without a `server_id` activations are
not judged. At `expires_at` a license is in its grace, at the grace's end expired. Pure: a verdict depends on the row,
the activation and the time, nothing else.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from services.licensing.domain.license import AdminState, BillingState, License


class Code(StrEnum):
    """As the public API says it."""

    VALID = "VALID"
    GRACE = "GRACE"
    MALFORMED = "MALFORMED"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    NOT_FOUND = "NOT_FOUND"
    PENDING = "PENDING"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    NOT_ACTIVATED = "NOT_ACTIVATED"
    TOO_MANY_ACTIVATIONS = "TOO_MANY_ACTIVATIONS"
    FINGERPRINT_MISMATCH = "FINGERPRINT_MISMATCH"
    HEARTBEAT_DEAD = "HEARTBEAT_DEAD"
    ENTITLEMENTS_MISSING = "ENTITLEMENTS_MISSING"


GRANTING = frozenset({Code.VALID, Code.GRACE})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`detail` is for a person and holds no secret."""

    code: Code
    detail: str

    @property
    def valid(self) -> bool:
        return self.code in GRANTING


@dataclass(frozen=True, slots=True)
class Check:
    """One step's finding: what it denies with, None where it passes."""

    step: str
    denial: Code | None
    detail: str


class Seat(Protocol):
    """What is judged of an activation."""

    @property
    def fingerprint(self) -> str | None: ...
    @property
    def deactivated_at(self) -> datetime | None: ...
    @property
    def lease_until(self) -> datetime | None: ...
    @property
    def is_given_back(self) -> bool: ...


VALID = Verdict(Code.VALID, "The license is valid.")
GRACE = Verdict(Code.GRACE, "The license is past its paid period, within its grace.")
MALFORMED = Verdict(Code.MALFORMED, "This is no license key: a key has 256 hexadecimal digits.")
BAD_SIGNATURE = Verdict(Code.BAD_SIGNATURE, "This key was not made here, or was mistyped.")
NOT_FOUND = Verdict(Code.NOT_FOUND, "No license has this key.")
REPLACED = Verdict(Code.REVOKED, "This key was replaced by another, and its overlap is over.")


def judge(
    license: License,
    *,
    now: datetime,
    activation: Seat | None = None,
    active: int = 0,
    server_id: str | None = None,
    fingerprint: str | None = None,
    wanted: Collection[str] = (),
) -> Verdict:
    """The verdict from the status on. `activation` is the server's, `active` how many seats of the license are taken
    now; both are looked at only with a `server_id`."""
    found = checks(
        license,
        now=now,
        activation=activation,
        active=active,
        server_id=server_id,
        fingerprint=fingerprint,
        wanted=wanted,
    )
    return concluded(license, found, now=now)


def concluded(license: License, found: Iterable[Check], *, now: datetime) -> Verdict:
    """The verdict that follows from the steps' findings."""
    for check in found:
        if check.denial is not None:
            return Verdict(check.denial, check.detail)
    return VALID if license.expires_at is None or now < license.expires_at else GRACE


def checks(
    license: License,
    *,
    now: datetime,
    activation: Seat | None = None,
    active: int = 0,
    server_id: str | None = None,
    fingerprint: str | None = None,
    wanted: Collection[str] = (),
) -> Iterator[Check]:
    """Every step's finding, in order: what `judge` goes by and what an explanation shows."""
    yield _status(license)
    yield _expiry(license, now)
    if server_id is not None:
        yield _activation(activation)
        yield _seats(license, active)
        if activation is not None:
            yield _fingerprint(activation, fingerprint)
            yield _heartbeat(activation, now)
    yield _entitlements(license, wanted)


def _status(license: License) -> Check:
    if license.is_revoked:
        return Check("status", Code.REVOKED, _why_revoked(license))
    if license.is_suspended:
        return Check("status", Code.SUSPENDED, _why_suspended(license))
    if license.is_pending:
        return Check("status", Code.PENDING, "Nothing was paid for the license yet.")
    return Check("status", None, "Neither billing nor an operator denies it.")


def _why_revoked(license: License) -> str:
    if license.admin_state is AdminState.REVOKED:
        return "An operator revoked the license."
    if license.billing_state is BillingState.VOID:
        return "The license's purchase was never completed."
    return "The license's subscription has ended."


def _why_suspended(license: License) -> str:
    if license.admin_state is AdminState.SUSPENDED:
        return "An operator suspended the license."
    return _SUSPENSIONS.get(license.billing_reason or "", "The license's subscription is suspended.")


_SUSPENSIONS = {
    "payment_failed": "Payments for the license failed; paying restores it.",
    "grace_over": "The license was not paid within its grace; paying restores it.",
    "dispute": "A payment for the license is disputed.",
    "paused": "The license's subscription is paused; resuming restores it.",
}


def _expiry(license: License, now: datetime) -> Check:
    expires_at, ends_at = license.expires_at, license.grace_ends_at
    if expires_at is None or ends_at is None:
        return Check("expiry", None, "It has no end.")
    if now < expires_at:
        return Check("expiry", None, f"It is paid until {_said(expires_at)}.")
    if now < ends_at:
        return Check("expiry", None, f"It expired at {_said(expires_at)}; its grace ends at {_said(ends_at)}.")
    return Check("expiry", Code.EXPIRED, f"The license expired at {_said(expires_at)}.")


def _activation(activation: Seat | None) -> Check:
    if activation is None or activation.is_given_back or _ended_without_a_lease(activation):
        return Check("activation", Code.NOT_ACTIVATED, "The license is not activated on this server.")
    return Check("activation", None, "It is activated on this server.")


def _ended_without_a_lease(activation: Seat) -> bool:
    """A lease ended it, and the license's plan of today has none to come back with."""
    return activation.deactivated_at is not None and activation.lease_until is None


def _seats(license: License, active: int) -> Check:
    told = f"{active} of {license.max_activations} activations are in use."
    return Check("seats", Code.TOO_MANY_ACTIVATIONS if active > license.max_activations else None, told)


def _fingerprint(activation: Seat, fingerprint: str | None) -> Check:
    if activation.fingerprint is None:
        return Check("fingerprint", None, "The server was activated without a fingerprint.")
    if fingerprint is None:
        told = "The server was activated with a fingerprint, and none was sent."
        return Check("fingerprint", Code.FINGERPRINT_MISMATCH, told)
    if fingerprint != activation.fingerprint:
        return Check("fingerprint", Code.FINGERPRINT_MISMATCH, "The server's fingerprint is not its activation's.")
    return Check("fingerprint", None, "The fingerprint is its activation's.")


def _heartbeat(activation: Seat, now: datetime) -> Check:
    until = activation.lease_until
    if until is None:
        return Check("heartbeat", None, "It needs no heartbeat.")
    if activation.deactivated_at is None and now < until:
        return Check("heartbeat", None, f"Its lease runs until {_said(until)}.")
    return Check("heartbeat", Code.HEARTBEAT_DEAD, f"The server's lease ended at {_said(until)} without a heartbeat.")


def _entitlements(license: License, wanted: Collection[str]) -> Check:
    missing = sorted(set(wanted) - set(license.entitlements)) if wanted else ()
    if missing:
        told = f"The license does not include {', '.join(missing)}."
        return Check("entitlements", Code.ENTITLEMENTS_MISSING, told)
    return Check("entitlements", None, "It includes all that is asked for." if wanted else "Nothing is asked for.")


@lru_cache(maxsize=4_096)
def _said(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
