"""What falls due in billing by itself, for the test clock: expired checkouts and credits, automatic top-ups,
subscriptions' terms; and what waits to be done now.

Looks that are only routine (a silent payment, a subscription that is well, an account that may not buy more) are no
instants to stop at: they are made wherever the clock stops for something else.
"""

from datetime import datetime, timedelta

from services.billing.domain.payment import AT_THE_PAGE
from services.billing.domain.subscriptions.standing import SubscriptionRules
from shared.db import Database

TRIED_AGAIN_SOON = timedelta(seconds=2)
"""An event that failed is waited for where its next turn (real time) comes within that."""


async def next_due(database: Database, *, now: datetime, rules: SubscriptionRules) -> datetime | None:
    """The first instant after `now` (business time) at which something falls due."""
    pool = await database.asyncpg_pool()
    at_the_page = sorted(status.value for status in AT_THE_PAGE)
    instants = (rules.renewal_notice, rules.trial_notice, rules.grace)
    found: datetime | None = await pool.fetchval(_NEXT_DUE, now, at_the_page, *instants)
    return found


async def unsettled(database: Database) -> int:
    """How much waits to be done now: events of Stripe's that are not parked and mails, but those that failed and have
    some time to wait, and what was decided of held payments."""
    pool = await database.asyncpg_pool()
    found: int = await pool.fetchval(_UNSETTLED, TRIED_AGAIN_SOON)
    return found


_NEXT_DUE = """
SELECT least(
    (SELECT min(expires_at) FROM payments WHERE status = ANY($2) AND type <> 'subscription' AND expires_at > $1),
    (SELECT min(next_expiry_at) FROM wallets WHERE next_expiry_at > $1),
    (SELECT min(next_at) FROM auto_top_ups
     WHERE enabled AND stopped IS NULL AND waits_for IS NULL AND looks = 0 AND next_at > $1),
    (SELECT min(its.term) FROM subscriptions,
     LATERAL (VALUES (expires_at), (expires_at + $5::interval),
                     (expires_at - CASE status WHEN 'active' THEN $3::interval
                                               WHEN 'trialing' THEN $4::interval END)) AS its (term)
     WHERE check_at IS NOT NULL AND its.term > $1))
"""

_UNSETTLED = """
SELECT (SELECT count(*) FROM webhook_events
        WHERE status IN ('received', 'failed') AND next_attempt_at <= now() + $1::interval)
     + (SELECT count(*) FROM review_decisions WHERE done_at IS NULL AND attempts < 3)
     + (SELECT count(*) FROM mails WHERE state = 'waiting' AND last_error IS NULL)
"""
