"""Sums over payments, Stripe's events and disputes, for metrics."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.disputing import ANSWERABLE
from services.billing.domain.figures import DisputesDue, PaymentFigures
from services.billing.domain.payment import PAID, Status


async def open_events(connection: AsyncConnection) -> dict[str, int]:
    """Stripe's events that are still to be worked on, failing, or parked, by status. Served by `webhook_events_due` and
    `webhook_events_parked`."""
    found = await connection.execute(
        text(
            "SELECT status, count(*) AS events FROM webhook_events WHERE status IN ('received', 'failed')"
            " GROUP BY status UNION ALL SELECT 'parked', count(*) FROM webhook_events WHERE status = 'parked'"
        )
    )
    return {row.status: row.events for row in found}


async def disputes_due(connection: AsyncConnection) -> DisputesDue:
    """Disputes that can be answered. Served by `disputes_by_status`."""
    found = await connection.execute(
        text("SELECT count(*) AS disputes, min(due_by) AS soonest_at FROM disputes WHERE status = ANY(:answerable)"),
        {"answerable": sorted(ANSWERABLE)},
    )
    row = found.one()
    return DisputesDue(row.disputes, row.soonest_at)


async def payment_figures(connection: AsyncConnection, *, since: datetime) -> PaymentFigures:
    """Of the purchases of credits made since then. Served by `payments_by_time`; refunds in another currency are
    counted at their payment's rate, rounded down."""
    found = await connection.execute(
        text(
            """
            SELECT status, count(*) AS payments, coalesce(sum(usd_minor), 0)::bigint AS usd_minor,
                   coalesce(sum(usd_minor * refunded_minor / amount_minor), 0)::bigint AS refunded_usd_minor
            FROM payments WHERE type = 'credits' AND created_at > :since GROUP BY status
            """
        ),
        {"since": since},
    )
    rows = {Status(row.status): row for row in found}
    paying = await connection.scalar(
        text(
            "SELECT count(DISTINCT account_id) FROM payments"
            " WHERE type = 'credits' AND created_at > :since AND status = ANY(:paid)"
        ),
        {"since": since, "paid": sorted(status.value for status in PAID)},
    )
    disputed = await connection.scalar(
        text(
            "SELECT coalesce(sum(disputes.usd_minor), 0)::bigint"
            " FROM disputes JOIN payments ON payments.id = payment_id"
            " WHERE type = 'credits' AND payments.created_at > :since AND opened_at IS NOT NULL AND won_at IS NULL"
        ),
        {"since": since},
    )
    return PaymentFigures(
        by_status={status: row.payments for status, row in rows.items()},
        gross_usd_minor=sum(row.usd_minor for status, row in rows.items() if status in PAID),
        refunded_usd_minor=sum(row.refunded_usd_minor for status, row in rows.items() if status in PAID),
        disputed_usd_minor=disputed or 0,
        paying_accounts=paying or 0,
    )
