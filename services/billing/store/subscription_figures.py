"""What is counted of subscriptions: read only, over all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.subscriptions.recurring import Paying
from services.billing.domain.subscriptions.subscription import Standing, Status
from shared.money import Money


@dataclass(frozen=True, slots=True)
class Churn:
    """Of `at_start` that were running when a period began, `ended` have ended in it; `began` began in it."""

    at_start: int
    ended: int
    began: int

    @property
    def rate(self) -> str:
        """The share that has ended, with four decimals, rounded down."""
        ten_thousandths = self.ended * 10_000 // self.at_start if self.at_start else 0
        return f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04d}"


@dataclass(frozen=True, slots=True)
class FailedPayments:
    """`subscriptions` have a failing invoice now, which `due` sums by currency; `invoices` of a period were not paid
    at the first attempt, and `recovered` of them were paid later."""

    subscriptions: int
    due: tuple[Money, ...]
    invoices: int
    recovered: int


async def by_status(connection: AsyncConnection) -> Mapping[Status, int]:
    """Every status, those that nothing has too. Served by `subscriptions_by_status`."""
    found = await connection.execute(text("SELECT status, count(*) AS number FROM subscriptions GROUP BY status"))
    counted = {row.status: row.number for row in found}
    return {status: counted.get(status.value, 0) for status in Status}


async def paying(connection: AsyncConnection) -> Iterator[Paying]:
    """Those that may bring money, each with what its newest regular invoice cost, where nothing was changed since and
    that is less than its plan's price: that is the price less discounts. `has_paid` where there is an invoice of
    something that has a price."""
    found = await connection.execute(
        text(
            """
            SELECT s.status, s.standing, s.expires_at, s.currency, p."interval", p.interval_count,
                   least(s.price_minor, coalesce(i.total_minor, s.price_minor)) AS paid_minor,
                   i.was_paid IS NOT NULL AS has_paid
            FROM subscriptions s
            JOIN plans p ON p.id = s.plan_id
            LEFT JOIN LATERAL (
                SELECT CASE WHEN billing_reason <> 'subscription_update' THEN total_minor END AS total_minor,
                       true AS was_paid
                FROM subscription_invoices
                WHERE subscription_id = s.id AND status = 'paid' AND (total_minor <> 0 OR discount_minor > 0)
                ORDER BY created_at DESC LIMIT 1) i ON true
            WHERE s.status IN ('active', 'past_due') AND s.standing = 'good'
            """
        )
    )
    return (
        Paying(
            status=Status(row.status),
            standing=Standing(row.standing),
            expires_at=row.expires_at,
            paid=Money(row.paid_minor, row.currency),
            interval=row.interval,
            interval_count=row.interval_count,
            has_paid=row.has_paid,
        )
        for row in found
    )


async def churn(connection: AsyncConnection, *, since: datetime) -> Churn:
    """Counted from `since` until now. A subscription has begun with the first step at which its standing was good."""
    found = await connection.execute(
        text(
            """
            SELECT count(*) FILTER (WHERE begun_at <= :since AND coalesce(canceled_at > :since, true)) AS at_start,
                   count(*) FILTER (WHERE begun_at <= :since AND canceled_at > :since) AS ended,
                   count(*) FILTER (WHERE begun_at > :since) AS began
            FROM (SELECT s.canceled_at,
                         (SELECT min(at) FROM subscription_steps
                          WHERE subscription_id = s.id AND standing = 'good') AS begun_at
                  FROM subscriptions s) AS each
            """
        ),
        {"since": since},
    )
    row = found.one()
    return Churn(row.at_start, row.ended, row.began)


async def failed_payments(connection: AsyncConnection, *, since: datetime) -> FailedPayments:
    """Invoices of the period from `since` until now."""
    due = await connection.execute(
        text(
            """
            SELECT i.currency, count(*) AS number, sum(i.total_minor)::bigint AS due_minor
            FROM subscriptions s JOIN subscription_invoices i ON i.stripe_invoice_id = s.failing_invoice_id
            WHERE s.standing NOT IN ('revoked', 'void') GROUP BY i.currency ORDER BY i.currency
            """
        )
    )
    rows = due.all()
    past = await connection.execute(
        text(
            """
            SELECT count(*) AS invoices, count(*) FILTER (WHERE status = 'paid') AS recovered
            FROM subscription_invoices
            WHERE created_at > :since AND (attempts > 1 OR (attempts = 1 AND status <> 'paid'))
            """
        ),
        {"since": since},
    )
    counted = past.one()
    return FailedPayments(
        subscriptions=sum(row.number for row in rows),
        due=tuple(Money(row.due_minor, row.currency) for row in rows),
        invoices=counted.invoices,
        recovered=counted.recovered,
    )
