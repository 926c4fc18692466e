"""What operators, and owners where it says so, do with a license: make, revoke, suspend, restore, renew, rotate.

Each is one transaction under the license's lock: row, step, event, audit line. What is so already is done again without
another line. `finish` is called with the outcome inside the transaction, to keep the answer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from services.licensing.domain.license import PREFIX, AdminState, BillingState, License, LicenseId, Origin
from services.licensing.domain.license_step import Action, Cause, CauseKind
from services.licensing.service import Licensing
from services.licensing.store import license_keys, licenses
from services.licensing.use_cases.changing import begin, change
from services.licensing.use_cases.license_keys import mint
from services.licensing.use_cases.welcome import welcomed
from shared import audit
from shared.audit import Actor
from shared.db import Connection
from shared.errors import DomainError, Invalid, NotFound
from shared.ids import new_id

LONGEST_OVERLAP_SECONDS = 30 * 86_400

T = TypeVar("T")
Finish = Callable[[Connection, License, str], Awaitable[T]]
"""Given the license and its key as it is printed."""

LONGEST = timedelta(days=36_500)
"""How far ahead a license made by hand may end."""


@dataclass(frozen=True, slots=True)
class Order:
    """A license to be made by hand. `days` None: without an end."""

    account_id: str
    plan_id: str | None
    days: int | None
    grace_seconds: int
    max_activations: int
    lease_seconds: int | None
    entitlements: tuple[str, ...]
    sends_mail: bool


async def make(licensing: Licensing, actor: Actor, order: Order, finish: Finish[T]) -> T:
    """A license that no subscription stands behind, good at once. Raises Invalid for an unknown account."""
    await _require_account(licensing, order.account_id)
    now = licensing.clock.now()
    license_id = LicenseId(new_id(PREFIX, at=now))
    license = License(
        id=license_id,
        account_id=order.account_id,
        plan_id=order.plan_id,
        origin=Origin.OPERATOR,
        created_at=now,
        customer_ref=order.account_id,
        subscription_ref=license_id,
        billing_state=BillingState.GOOD,
        expires_at=None if order.days is None else now + timedelta(days=order.days),
        grace_seconds=order.grace_seconds,
        max_activations=order.max_activations,
        lease_seconds=order.lease_seconds,
        entitlements=order.entitlements,
        welcomed_at=now if order.sends_mail else None,
    )
    async with licensing.database.transaction() as connection:
        await begin(connection, license, Cause(CauseKind.OPERATOR, actor.account_id))
        key = await mint(licensing, connection, license)
        if order.sends_mail:
            await welcomed(connection, license, plan_name=order.plan_id or "License", at=now)
        await audit.write(connection, actor, "license.made", license.id, {"account_id": order.account_id}, at=now)
        return await finish(connection, license, key.printed())


async def revoke(licensing: Licensing, actor: Actor, license_id: str, *, reason: str | None) -> License:
    """For good, whatever is paid from here on."""
    return await _set_state(licensing, actor, license_id, AdminState.REVOKED, Action.REVOKED, reason=reason)


async def suspend(licensing: Licensing, actor: Actor, license_id: str, *, reason: str | None) -> License:
    """Until it is restored. Raises `license_revoked` for one that is revoked."""
    return await _set_state(licensing, actor, license_id, AdminState.SUSPENDED, Action.SUSPENDED, reason=reason)


async def restore(licensing: Licensing, actor: Actor, license_id: str, *, reason: str | None) -> License:
    """Undo `suspend`; what billing denies stays denied. Raises `license_revoked` for one that is revoked."""
    return await _set_state(licensing, actor, license_id, AdminState.NONE, Action.RESTORED, reason=reason)


async def renew(
    licensing: Licensing,
    actor: Actor,
    license_id: str,
    *,
    days: int,
    finish: Callable[[Connection, License], Awaitable[T]],
) -> T:
    """So many days more, counted from its end or from now, whichever is later. Only for one made by hand: a
    subscription's is as long as what is paid. Raises Invalid, `license_revoked`, `not_renewable`."""
    now = licensing.clock.now()
    async with licensing.database.transaction() as connection:
        license = await _locked(connection, license_id)
        _refuse_revoked(license)
        if license.origin is Origin.SUBSCRIPTION or license.expires_at is None:
            raise DomainError("not_renewable", "Only a license that was made by hand with an end can be renewed.")
        begins_at = max(now, license.expires_at)
        if begins_at + timedelta(days=days) > now + LONGEST:
            raise Invalid("/days", f"would end the license more than {LONGEST.days} days from now")
        renewed = replace(license, expires_at=begins_at + timedelta(days=days))
        await _did(connection, actor, renewed, Action.EXTENDED, {"days": days}, at=now)
        finished = await finish(connection, renewed)
    await licensing.announce()
    return finished


async def rotate(
    licensing: Licensing, actor: Actor, license_id: str, cause: CauseKind, *, overlap_seconds: int, finish: Finish[T]
) -> T:
    """Another key for the license, with its activations kept; the old one works until the overlap is over (real time).
    One that an earlier rotation left in its overlap ends at once. Raises `license_revoked` for one that is revoked."""
    now, real_now = licensing.clock.now(), licensing.clock.real_now()
    until = real_now + timedelta(seconds=overlap_seconds)
    async with licensing.database.transaction() as connection:
        license = await _locked(connection, license_id)
        _refuse_revoked(license)
        await license_keys.replace(connection, license.id, valid_until=until, real_now=real_now)
        key = await mint(licensing, connection, license)
        await change(connection, license, Action.ROTATED, Cause(cause, actor.account_id), at=now)
        details = {"overlap_seconds": overlap_seconds}
        await audit.write(connection, actor, "license.rotated", license.id, details, at=now)
        finished = await finish(connection, license, key.printed())
    await licensing.announce()
    return finished


async def _set_state(
    licensing: Licensing, actor: Actor, license_id: str, state: AdminState, action: Action, *, reason: str | None
) -> License:
    async with licensing.database.transaction() as connection:
        license = await _locked(connection, license_id)
        if license.admin_state is state:
            return license
        if state is not AdminState.REVOKED:
            _refuse_revoked(license)
        after = replace(license, admin_state=state, admin_reason=None if state is AdminState.NONE else reason)
        await _did(connection, actor, after, action, {"reason": reason}, at=licensing.clock.now())
    await licensing.announce()
    return after


async def _did(
    connection: Connection,
    actor: Actor,
    license: License,
    action: Action,
    details: Mapping[str, object],
    *,
    at: datetime,
) -> None:
    await change(connection, license, action, Cause(CauseKind.OPERATOR, actor.account_id), at=at)
    await audit.write(connection, actor, f"license.{action.value}", license.id, details, at=at)


async def _locked(connection: Connection, license_id: str) -> License:
    license = await licenses.locked(connection, license_id)
    if license is None:
        raise NotFound("license")
    return license


def _refuse_revoked(license: License) -> None:
    if license.is_revoked:
        raise DomainError("license_revoked", "The license is revoked, for good; a new one has a new key.")


async def _require_account(licensing: Licensing, account_id: str) -> None:
    answered = await licensing.gateway.get(f"/internal/v1/accounts/{account_id}")
    if answered.status_code == 404:
        raise Invalid("/account_id", "is no account's")
    answered.raise_for_status()
