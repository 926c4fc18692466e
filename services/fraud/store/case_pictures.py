"""What a case's picture is made of besides the case: assessments, other payments, accounts that share a trait."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.assessment import ID_PREFIX, Reason
from services.fraud.domain.blocking import PaidWith
from services.fraud.domain.case_picture import CaseCount, JudgedPayment, Link, Record
from shared.crypto import unseal
from shared.ids import encode

LOOKED_BACK_AT = 50
"""Payments of the account whose traits are followed."""
SHARED_BY = 20
"""Other accounts that are told of for one trait: behind an address may be a whole city."""
MOST_LINKS = 50


async def record(connection: AsyncConnection, payment_id: str) -> Record | None:
    """The assessment of a payment, with what it was judged by."""
    row = (
        await connection.execute(
            text(
                "SELECT id, decision, score, reasons, versions, fired, shadow, probability_ppm, amount_usd_minor, kind,"
                " country, created_at FROM fraud_assessments WHERE payment_id = :payment_id"
            ),
            {"payment_id": payment_id},
        )
    ).first()
    if row is None:
        return None
    return Record(
        id=encode(ID_PREFIX, row.id),
        decision=row.decision,
        score_hundredths=int(row.score * 100),
        reasons=tuple(Reason(reason["code"], reason["detail"]) for reason in row.reasons),
        versions=row.versions,
        fired=tuple(row.fired),
        shadow=tuple(row.shadow),
        probability_ppm=row.probability_ppm,
        amount_usd_minor=row.amount_usd_minor,
        kind=row.kind,
        country=row.country,
        created_at=row.created_at,
    )


async def paid_with(connection: AsyncConnection, payment_id: str, keys: Mapping[int, bytes]) -> PaidWith | None:
    """By what a judged payment can be recognized again; the caller's address is unsealed."""
    row = (
        await connection.execute(
            text(
                "SELECT id, account_id, sealed_ip, snapshot #>> '{traits,email}' AS email, device_id, card"
                " FROM fraud_assessments WHERE payment_id = :payment_id"
            ),
            {"payment_id": payment_id},
        )
    ).first()
    if row is None:
        return None
    return PaidWith(row.account_id, row.email, row.device_id, row.card, _address(row.id, row.sealed_ip, keys))


def _address(assessment: UUID, sealed: bytes | None, keys: Mapping[int, bytes]) -> str | None:
    return None if sealed is None else unseal(sealed, keys, f"fraud.assessment.ip:{assessment}").decode()


async def other_payments(connection: AsyncConnection, account_id: str, *, but: str, limit: int) -> list[JudgedPayment]:
    """Payments of an account that fraud has judged, the newest first, but one, each with what became of it as far as
    billing's news have told. By `fraud_assessments_of_account`."""
    rows = await connection.execute(
        text(
            """
            SELECT judged.payment_id, judged.kind, judged.amount_usd_minor, judged.decision, judged.score,
                   judged.created_at, outcome.status
            FROM fraud_assessments AS judged LEFT JOIN payment_outcomes AS outcome USING (payment_id)
            WHERE judged.account_id = :account_id AND judged.payment_id <> :but
            ORDER BY judged.id DESC LIMIT :limit
            """
        ),
        {"account_id": account_id, "but": but, "limit": limit},
    )
    return [
        JudgedPayment(
            payment_id=row.payment_id,
            kind=row.kind,
            amount_usd_minor=row.amount_usd_minor,
            decision=row.decision,
            score_hundredths=int(row.score * 100),
            created_at=row.created_at,
            status=row.status,
        )
        for row in rows
    ]


async def outcome(connection: AsyncConnection, payment_id: str) -> str | None:
    """The last that billing's news told of a payment."""
    found: str | None = await connection.scalar(
        text("SELECT status FROM payment_outcomes WHERE payment_id = :payment_id"), {"payment_id": payment_id}
    )
    return found


async def links(connection: AsyncConnection, account_id: str) -> list[Link]:
    """Other accounts that have used a card, a device, an address or a mailbox of this one's last payments: those that
    share most first. Each trait is followed to `SHARED_BY` accounts, by the primary key of `trait_uses`."""
    rows = await connection.execute(
        text(
            """
            WITH past AS (
                SELECT card, device_id, ip_match, mailbox_hash FROM fraud_assessments
                WHERE account_id = :account_id ORDER BY id DESC LIMIT :looked_back_at),
            traits AS (
                SELECT DISTINCT each.kind, each.match FROM past
                CROSS JOIN LATERAL (VALUES ('card', card), ('device', device_id), ('ip', ip_match),
                                           ('mailbox', mailbox_hash)) AS each (kind, match)
                WHERE each.match IS NOT NULL)
            SELECT other.account_id, array_agg(DISTINCT traits.kind) AS shared, min(other.first_at) AS first_at
            FROM traits
            CROSS JOIN LATERAL (
                SELECT account_id, first_at FROM trait_uses
                WHERE kind = traits.kind AND match = traits.match AND account_id <> :account_id
                ORDER BY account_id DESC LIMIT :shared_by) AS other
            GROUP BY other.account_id
            ORDER BY count(DISTINCT traits.kind) DESC, other.account_id DESC LIMIT :most
            """
        ),
        {"account_id": account_id, "looked_back_at": LOOKED_BACK_AT, "shared_by": SHARED_BY, "most": MOST_LINKS},
    )
    return [Link(row.account_id, tuple(row.shared), row.first_at) for row in rows]


async def case_counts(connection: AsyncConnection, account_ids: Collection[str]) -> dict[str, CaseCount]:
    """How many cases each of these accounts has had, and how many of them were rejected."""
    rows = await connection.execute(
        text(
            "SELECT account_id, count(*) AS cases, count(*) FILTER (WHERE status = 'rejected') AS rejected"
            " FROM cases WHERE account_id = ANY(:account_ids) GROUP BY account_id"
        ),
        {"account_ids": list(account_ids)},
    )
    return {row.account_id: CaseCount(row.cases, row.rejected) for row in rows}
