"""What subscriptions' invoices brought: `subscription_invoices` together with `payments` and `disputes`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.payment import PaymentId
from services.billing.domain.subscriptions.subscription import Returned, SubscriptionId
from shared.money import Money


@dataclass(frozen=True, slots=True)
class PaidInvoice:
    """An invoice that was paid by an intent."""

    id: str
    paid: Money
    intent_id: str


@dataclass(frozen=True, slots=True)
class Earning:
    """A paid invoice of which more may be earned. `kept` is what has not gone back; the period is null where it sells
    none. The row is locked."""

    invoice_id: str
    payment_id: str
    kept_minor: int
    period_start_at: datetime | None
    period_end_at: datetime | None
    earned_minor: int
    earned_times: int


async def not_booked(connection: AsyncConnection, subscription_id: SubscriptionId) -> list[PaidInvoice]:
    """The subscription's paid invoices that are no payment yet. Its row must be locked."""
    found = await connection.execute(
        text(
            "SELECT stripe_invoice_id, paid_minor, currency, intent_id FROM subscription_invoices"
            " WHERE subscription_id = :id AND status = 'paid' AND paid_minor > 0 AND intent_id IS NOT NULL"
            " AND payment_id IS NULL ORDER BY created_at"
        ),
        {"id": subscription_id},
    )
    return [PaidInvoice(row.stripe_invoice_id, Money(row.paid_minor, row.currency), row.intent_id) for row in found]


async def name_payment(connection: AsyncConnection, invoice_id: str, payment_id: PaymentId, *, at: datetime) -> None:
    """The invoice is paid by this payment, and is earned from now on."""
    await connection.execute(
        text("UPDATE subscription_invoices SET payment_id = :payment_id, earn_at = :at WHERE stripe_invoice_id = :id"),
        {"payment_id": payment_id, "at": at, "id": invoice_id},
    )


async def lease_without_charge(
    connection: AsyncConnection, *, lease_seconds: int, limit: int
) -> Sequence[tuple[str, str]]:
    """Payment and intent of subscriptions' payments whose charge is not known yet, each leased by the database's clock.
    Served by `payments_without_charge`."""
    found = await connection.execute(
        text(
            """
            UPDATE payments SET leased_until = now() + make_interval(secs => :lease_seconds)
            WHERE id IN (SELECT id FROM payments
                         WHERE type = 'subscription' AND charge_id IS NULL AND leased_until <= now()
                         ORDER BY leased_until LIMIT :limit FOR UPDATE SKIP LOCKED)
            RETURNING id, intent_id
            """
        ),
        {"lease_seconds": lease_seconds, "limit": limit},
    )
    return [(row.id, row.intent_id) for row in found]


async def look_again(connection: AsyncConnection, payment_id: str, *, at: datetime) -> None:
    """Some of the payment went back, or came back: have its subscription, unless that has ended, and what is earned of
    it looked at now: at the epoch, which is due even while monitoring is stopped."""
    await connection.execute(
        text(
            "WITH of_it AS (UPDATE subscription_invoices SET earn_at = :at WHERE payment_id = :payment_id"
            " RETURNING subscription_id)"
            " UPDATE subscriptions SET check_at = 'epoch' FROM of_it"
            " WHERE subscriptions.id = of_it.subscription_id AND check_at IS NOT NULL"
        ),
        {"payment_id": payment_id, "at": at},
    )


async def returned(connection: AsyncConnection, subscription_id: SubscriptionId) -> Returned:
    """What has gone back of its payments. Served by `subscription_invoices_of_subscription`."""
    found = await connection.execute(
        text(
            """
            SELECT stripe_invoice_id, refunded_minor = payments.amount_minor AS whole,
                   bool_or(disputes.id IS NOT NULL AND lost_at IS NULL) AS open, bool_or(lost_at IS NOT NULL) AS lost
            FROM subscription_invoices AS invoices
            JOIN payments ON payments.id = invoices.payment_id
            LEFT JOIN disputes ON disputes.payment_id = payments.id AND opened_at IS NOT NULL AND won_at IS NULL
            WHERE subscription_id = :id GROUP BY stripe_invoice_id, refunded_minor, payments.amount_minor
            """
        ),
        {"id": subscription_id},
    )
    rows = found.all()
    return Returned(
        refunded_invoices=frozenset(row.stripe_invoice_id for row in rows if row.whole),
        disputed=any(row.open for row in rows),
        lost=any(row.lost for row in rows),
    )


async def lock_earnings(connection: AsyncConnection, *, now: datetime, limit: int) -> list[Earning]:
    """Invoices that are to be looked at by now, locked; others' are left out. Served by
    `subscription_invoices_to_earn`."""
    found = await connection.execute(
        text(
            """
            SELECT stripe_invoice_id, payment_id, period_start_at, period_end_at, earned_minor, earned_times,
                   greatest(0, payments.amount_minor - refunded_minor - (
                       SELECT coalesce(sum(disputes.amount_minor), 0) FROM disputes
                       WHERE disputes.payment_id = payments.id AND opened_at IS NOT NULL AND won_at IS NULL))::bigint
                   AS kept_minor
            FROM subscription_invoices AS invoices JOIN payments ON payments.id = payment_id
            WHERE earn_at <= :now ORDER BY earn_at, stripe_invoice_id LIMIT :limit FOR UPDATE OF invoices SKIP LOCKED
            """
        ),
        {"now": now, "limit": limit},
    )
    return [
        Earning(
            row.stripe_invoice_id,
            row.payment_id,
            row.kept_minor,
            row.period_start_at,
            row.period_end_at,
            row.earned_minor,
            row.earned_times,
        )
        for row in found
    ]


async def save_earning(
    connection: AsyncConnection, earning: Earning, *, earned_minor: int, times: int, earn_at: datetime | None
) -> None:
    await connection.execute(
        text(
            "UPDATE subscription_invoices SET earned_minor = :earned, earned_times = :times, earn_at = :earn_at"
            " WHERE stripe_invoice_id = :id"
        ),
        {"earned": earned_minor, "times": times, "earn_at": earn_at, "id": earning.invoice_id},
    )
