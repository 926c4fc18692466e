"""Past payments as they were judged, for backtests: read from `fraud_assessments`, with what labels say of them now."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from services.fraud.domain.rules.backtest import Past
from services.fraud.domain.signals import FEATURES_VERSION
from shared.db import Database

PAGE = 200

_PAGE = """
SELECT assessment.id, assessment.payment_id, assessment.account_id, assessment.created_at,
       coalesce(assessment.amount_usd_minor, 0) AS amount_usd_minor,
       coalesce(assessment.probability_ppm, 0) AS probability_ppm,
       (assessment.snapshot -> 'signals')::text AS signals, label.is_fraud,
       coalesce((assessment.versions ->> 'features')::int, 0) AS features
FROM fraud_assessments AS assessment
LEFT JOIN LATERAL (
    SELECT is_fraud FROM labels WHERE labels.payment_id = assessment.payment_id AND known_at <= $2
    ORDER BY array_position(ARRAY['operator', 'dispute', 'review'], source), known_at DESC, id DESC LIMIT 1
) AS label ON true
WHERE assessment.created_at >= $1 AND assessment.created_at <= $2
  AND (assessment.created_at, assessment.id) < ($3, $4)
  AND coalesce(assessment.snapshot -> 'blacklist', '[]') = '[]'
ORDER BY assessment.created_at DESC, assessment.id DESC LIMIT $5
"""
"""By `fraud_assessments_made`; `labels_of_payment` serves each label. Locks nothing."""

_LAST = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Page:
    """Of the payments looked at, those that can be judged again by today's signals; the rest is `skipped`."""

    pasts: list[Past]
    skipped: int


async def pages(database: Database, *, since: datetime, until: datetime, most: int) -> AsyncIterator[Page]:
    """The newest `most` payments of a time that no gate stopped, the newest first."""
    pool = await database.asyncpg_pool()
    at, last, left = until, _LAST, most
    while left > 0:
        rows = await pool.fetch(_PAGE, since, until, at, last, min(PAGE, left))
        if not rows:
            return
        known = [row for row in rows if row["features"] == FEATURES_VERSION and row["signals"] is not None]
        pasts = [
            Past(
                payment_id=row["payment_id"],
                account_id=row["account_id"],
                at=row["created_at"],
                amount_usd_minor=row["amount_usd_minor"],
                signals=orjson.loads(row["signals"]),
                probability_ppm=row["probability_ppm"],
                is_fraud=row["is_fraud"],
            )
            for row in known
        ]
        yield Page(pasts, len(rows) - len(known))
        at, last, left = rows[-1]["created_at"], rows[-1]["id"], left - len(rows)
