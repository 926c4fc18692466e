"""An operator has revoked a license: the subscription that stands behind it ends with it, here at once, then at Stripe.

Nothing more is charged. What was paid is not given back; what is paid after the revocation, as long as Stripe has not
heard, is.
"""

from datetime import datetime

from services.billing.domain.payment_step import CauseKind
from services.billing.domain.subscriptions.deeds import deed_of_end
from services.billing.domain.subscriptions.notices import notices_of_end
from services.billing.domain.subscriptions.standing import with_license_revoked
from services.billing.service import Billing
from services.billing.store import subscriptions
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.subscription_news import mail
from services.billing.use_cases.subscription_settling import keep, want
from shared.db import Connection
from shared.telemetry import logger_of

logger = logger_of("subscriptions")


async def end_with_license(
    billing: Billing, connection: Connection, subscription_id: str, license_id: str, *, at: datetime
) -> None:
    """End it, and have Stripe end it, in the caller's transaction; `at` is when its license was revoked. Once however
    often it is told: one that has ended stays as it is. Locks the subscription's row."""
    before = await subscriptions.locked(connection, subscription_id)
    if before is None:
        logger.error("license_of_no_subscription", subscription_id=subscription_id, license_id=license_id)
        return
    after = with_license_revoked(before, at=min(at, billing.clock.now()))
    if after == before:
        return
    with caused_by(CauseKind.LICENSE, license_id):
        after = await keep(billing, connection, before, after)
    await mail(billing, connection, after, notices_of_end(before, after))
    deed = deed_of_end(after)
    await want(billing, connection, [] if deed is None else [deed])
