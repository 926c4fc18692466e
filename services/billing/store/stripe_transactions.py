"""The table `stripe_transactions`: append-only, a row for each transaction of Stripe's balance, as Stripe told it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.stripe_balance import BalanceTransaction, NotedTransaction


async def insert(connection: AsyncConnection, tx: BalanceTransaction, *, at: datetime) -> None:
    """Keep what is told of one; told again, nothing changes."""
    await connection.execute(
        text(
            "INSERT INTO stripe_transactions (id, type, source, amount_minor, fee_minor, net_minor, currency,"
            " created_at, noted_at) VALUES (:id, :type, :source, :amount_minor, :fee_minor, :net_minor, :currency,"
            " :created_at, :at) ON CONFLICT (id) DO NOTHING"
        ),
        {
            "id": tx.id,
            "type": tx.type,
            "source": tx.source,
            "amount_minor": tx.amount_minor,
            "fee_minor": tx.fee_minor,
            "net_minor": tx.net_minor,
            "currency": tx.currency,
            "created_at": tx.created_at,
            "at": at,
        },
    )


async def of_sources(connection: AsyncConnection, sources: Collection[str]) -> list[NotedTransaction]:
    """What these charges, refunds and disputes did to the balance, oldest first. Served by
    `stripe_transactions_of_source`."""
    found = await connection.execute(
        text(
            "SELECT id, type, source, amount_minor, fee_minor, net_minor, currency, created_at, noted_at"
            " FROM stripe_transactions WHERE source = ANY(:sources) ORDER BY noted_at, created_at, id"
        ),
        {"sources": list(sources)},
    )
    return [NotedTransaction(**row._mapping) for row in found]
