"""What the tables hold of one subscription's past: its steps and its invoices, in order."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.payment_step import Cause, CauseKind
from services.billing.domain.subscriptions.story import SubscriptionStep, ToldInvoice
from services.billing.domain.subscriptions.subscription import Reason, Standing, Status
from shared.money import Money


async def steps_of(connection: AsyncConnection, subscription_id: str) -> list[SubscriptionStep]:
    """By the primary key."""
    found = await connection.execute(
        text(
            "SELECT at, from_status, to_status, standing, reason, cause, reference FROM subscription_steps"
            " WHERE subscription_id = :id ORDER BY seq"
        ),
        {"id": subscription_id},
    )
    return [
        SubscriptionStep(
            at=row.at,
            from_status=Status(row.from_status) if row.from_status else None,
            to_status=Status(row.to_status),
            standing=Standing(row.standing),
            reason=Reason(row.reason) if row.reason else None,
            cause=Cause(CauseKind(row.cause), row.reference),
        )
        for row in found
    ]


async def invoices_of(connection: AsyncConnection, subscription_id: str) -> list[ToldInvoice]:
    """By `subscription_invoices_of_subscription`."""
    found = await connection.execute(
        text(
            "SELECT stripe_invoice_id, status, billing_reason, currency, total_minor, attempts, period_start_at,"
            " period_end_at, payment_id, created_at FROM subscription_invoices WHERE subscription_id = :id"
            " ORDER BY created_at, stripe_invoice_id"
        ),
        {"id": subscription_id},
    )
    return [
        ToldInvoice(
            id=row.stripe_invoice_id,
            status=row.status,
            billing_reason=row.billing_reason,
            total=Money(row.total_minor, row.currency),
            attempts=row.attempts,
            period_start_at=row.period_start_at,
            period_end_at=row.period_end_at,
            payment_id=row.payment_id,
            created_at=row.created_at,
        )
        for row in found
    ]
