"""The table `tier_norms`: what a tier's payments usually come to, measured from assessments."""

from datetime import datetime

from sqlalchemy import text

from shared.db import Connection

FEWEST_PAYMENTS = 50
"""Fewer make no norm."""
MOST_PAYMENTS = 20_000
"""Of all tiers together, the latest: measuring reads no more, by the index `fraud_assessments_made`."""


async def renew(connection: Connection, *, since: datetime, at: datetime) -> None:
    """Replace all norms. What was held or blocked is left out: it is not what a tier usually pays."""
    await connection.execute(text("DELETE FROM tier_norms"))
    await connection.execute(
        text(
            """
            INSERT INTO tier_norms (tier, high_minor, payments, made_at)
            SELECT tier, percentile_disc(0.95) WITHIN GROUP (ORDER BY amount_usd_minor), count(*), :at
            FROM (SELECT tier, amount_usd_minor, decision FROM fraud_assessments
                  WHERE created_at > :since ORDER BY created_at DESC LIMIT :most) AS latest
            WHERE tier IS NOT NULL AND amount_usd_minor IS NOT NULL AND decision = 'allow'
            GROUP BY tier HAVING count(*) >= :fewest
            ON CONFLICT (tier) DO UPDATE
            SET high_minor = excluded.high_minor, payments = excluded.payments, made_at = excluded.made_at
            """
        ),
        {"since": since, "at": at, "most": MOST_PAYMENTS, "fewest": FEWEST_PAYMENTS},
    )
