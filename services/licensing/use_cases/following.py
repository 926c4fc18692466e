"""Licenses follow their subscriptions: made at the first news of one, changed by each later one (L8-L11)."""

from dataclasses import replace
from datetime import datetime

from services.licensing.domain.license import PREFIX, BillingNews, BillingState, License, LicenseId, Origin, followed
from services.licensing.domain.license_step import Cause, CauseKind, action_between
from services.licensing.service import Licensing
from services.licensing.store import licenses
from services.licensing.use_cases.changing import begin, change
from services.licensing.use_cases.license_keys import mint
from services.licensing.use_cases.welcome import welcomed
from shared.db import Connection
from shared.ids import new_id


async def follow(licensing: Licensing, connection: Connection, news: BillingNews, *, plan_name: str) -> None:
    """Apply news of a subscription in the caller's transaction. Locks its license's row; older news, and the same
    again, change nothing."""
    now = licensing.clock.now()
    cause = Cause(CauseKind.BILLING, f"{news.subscription_id}:{news.version}")
    before = await licenses.locked_of_subscription(connection, news.subscription_id)
    if before is None:
        if news.state is not BillingState.VOID:
            await _issue(licensing, connection, news, cause, plan_name=plan_name, now=now)
        return
    after = await _greeted(connection, followed(before, news), plan_name=plan_name, now=now)
    action = action_between(before, after)
    if action is not None:
        await change(connection, after, action, cause, at=now)
    elif after != before:
        await licenses.save(connection, after, at=now)


async def _issue(
    licensing: Licensing, connection: Connection, news: BillingNews, cause: Cause, *, plan_name: str, now: datetime
) -> None:
    """The license and its key, which waits for payment unless the news says that it came."""
    fresh = License(
        id=LicenseId(new_id(PREFIX, at=now)),
        account_id=news.account_id,
        subscription_id=news.subscription_id,
        plan_id=news.plan_id,
        origin=Origin.SUBSCRIPTION,
        customer_ref=news.customer_ref,
        subscription_ref=news.subscription_ref,
        created_at=now,
    )
    license = await _greeted(connection, followed(fresh, news), plan_name=plan_name, now=now)
    await begin(connection, license, cause)
    await mint(licensing, connection, license)


async def _greeted(connection: Connection, license: License, *, plan_name: str, now: datetime) -> License:
    """With its welcome asked for, once, where it is good for the first time."""
    is_good = license.billing_state is BillingState.GOOD and not license.is_pending
    if not is_good or license.welcomed_at is not None:
        return license
    await welcomed(connection, license, plan_name=plan_name, at=now)
    return replace(license, welcomed_at=now)
