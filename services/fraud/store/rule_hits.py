"""Which payments a rule fired on, and what became known of them: read from `fraud_assessments` and `labels`."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.assessment import ID_PREFIX
from services.fraud.domain.rules.rule import Tally
from services.fraud.domain.score import Decision
from shared.ids import decode, encode

_OF_RULE = """
    SELECT assessment.id, assessment.payment_id, assessment.account_id, assessment.decision, assessment.score,
           assessment.amount_usd_minor, assessment.created_at, (hit ->> 'version')::int AS number, {state} AS state
    FROM fraud_assessments AS assessment, jsonb_array_elements(assessment.{column}) AS hit
    WHERE assessment.{column} @> CAST(:needle AS jsonb) AND hit ->> 'rule_id' = :rule_id
"""
_HITS = (
    _OF_RULE.format(column="fired", state="'live'") + " UNION ALL " + _OF_RULE.format(column="shadow", state="'shadow'")
)
"""By the two GIN indexes over `fired` and `shadow`; locks nothing."""

_LABEL = """
    LEFT JOIN LATERAL (
        SELECT is_fraud FROM labels WHERE labels.payment_id = hits.payment_id AND known_at <= :now
        ORDER BY array_position(ARRAY['operator', 'dispute', 'review'], source), known_at DESC, id DESC LIMIT 1
    ) AS label ON true
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A payment that a version fired on. `is_fraud` is None where nobody knows."""

    id: str
    payment_id: str
    account_id: str
    version: int
    state: str
    decision: Decision
    score: float
    amount_usd_minor: int | None
    is_fraud: bool | None
    at: datetime


async def tallies(connection: AsyncConnection, rule_id: str, *, since: datetime, now: datetime) -> list[Tally]:
    """Hits of each version since an instant, with what is known of them now."""
    rows = await connection.execute(
        text(
            f"""
            SELECT hits.number, hits.state, count(*) AS hits,
                   count(*) FILTER (WHERE label.is_fraud) AS fraud,
                   count(*) FILTER (WHERE NOT label.is_fraud) AS honest
            FROM ({_HITS}) AS hits {_LABEL}
            WHERE hits.created_at >= :since GROUP BY 1, 2 ORDER BY 1, 2
            """  # noqa: S608
        ),
        {"rule_id": rule_id, "needle": _needle(rule_id), "since": since, "now": now},
    )
    return [Tally(*row) for row in rows]


async def page(connection: AsyncConnection, rule_id: str, *, after: str | None, limit: int, now: datetime) -> list[Hit]:
    """The newest hits first, up to `limit`, beginning after an assessment's id."""
    rows = await connection.execute(
        text(
            f"""
            SELECT hits.id, hits.payment_id, hits.account_id, hits.number, hits.state, hits.decision, hits.score,
                   hits.amount_usd_minor, label.is_fraud, hits.created_at
            FROM ({_HITS}) AS hits {_LABEL}
            WHERE CAST(:after AS uuid) IS NULL OR hits.id < :after
            ORDER BY hits.id DESC, hits.state LIMIT :limit
            """  # noqa: S608
        ),
        {
            "rule_id": rule_id,
            "needle": _needle(rule_id),
            "after": decode(ID_PREFIX, after) if after else None,
            "limit": limit,
            "now": now,
        },
    )
    return [
        Hit(
            id=encode(ID_PREFIX, row.id),
            payment_id=row.payment_id,
            account_id=row.account_id,
            version=row.number,
            state=row.state,
            decision=row.decision,
            score=float(row.score),
            amount_usd_minor=row.amount_usd_minor,
            is_fraud=row.is_fraud,
            at=row.created_at,
        )
        for row in rows
    ]


def _needle(rule_id: str) -> str:
    return orjson.dumps([{"rule_id": rule_id}]).decode()
