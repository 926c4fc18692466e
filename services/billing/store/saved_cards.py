"""The tables `stripe_customers` and `saved_cards`: which customer of Stripe's an account is, and its cards."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.saved_card import CustomerState, SavedCard


async def customer_of(connection: AsyncConnection, account_id: str) -> str | None:
    """The id of the account's customer at Stripe."""
    found: str | None = await connection.scalar(
        text("SELECT customer_id FROM stripe_customers WHERE account_id = :account_id"), {"account_id": account_id}
    )
    return found


async def keep_customer(connection: AsyncConnection, account_id: str, customer_id: str, *, at: datetime) -> None:
    """Remember which customer an account is; said again it changes nothing."""
    await connection.execute(
        text(
            "INSERT INTO stripe_customers (account_id, customer_id, created_at) VALUES (:account_id, :customer_id, :at)"
            " ON CONFLICT DO NOTHING"
        ),
        {"account_id": account_id, "customer_id": customer_id, "at": at},
    )


async def lock_customer(connection: AsyncConnection, customer_id: str) -> tuple[str, datetime | None] | None:
    """The account whose customer this is, and when Stripe was asked for what is kept of it (real time; None: never).
    Locks its row until the transaction ends."""
    row = (
        await connection.execute(
            text(
                "SELECT account_id, nullif(read_at, '-infinity') AS read_at FROM stripe_customers"
                " WHERE customer_id = :customer_id FOR UPDATE"
            ),
            {"customer_id": customer_id},
        )
    ).first()
    return None if row is None else (row.account_id, row.read_at)


async def replace_cards(connection: AsyncConnection, account_id: str, state: CustomerState, *, at: datetime) -> None:
    """Make the rows what Stripe has now. The customer's row must be locked."""
    await connection.execute(
        text("UPDATE stripe_customers SET read_at = :asked_at WHERE account_id = :account_id"),
        {"asked_at": state.asked_at, "account_id": account_id},
    )
    await connection.execute(text("DELETE FROM saved_cards WHERE account_id = :account_id"), {"account_id": account_id})
    for card in state.cards:
        await connection.execute(
            text(
                "INSERT INTO saved_cards (id, account_id, brand, last4, exp_month, exp_year, is_default, created_at)"
                " VALUES (:id, :account_id, :brand, :last4, :exp_month, :exp_year, :is_default, :at)"
            ),
            {
                "id": card.id,
                "account_id": account_id,
                "brand": card.brand,
                "last4": card.last4,
                "exp_month": card.exp_month,
                "exp_year": card.exp_year,
                "is_default": card.is_default,
                "at": at,
            },
        )


async def forget_customer(connection: AsyncConnection, account_id: str) -> None:
    """The customer is gone at Stripe, and its cards with it."""
    await connection.execute(
        text("DELETE FROM stripe_customers WHERE account_id = :account_id"), {"account_id": account_id}
    )


async def cards_of(connection: AsyncConnection, account_id: str) -> tuple[SavedCard, ...]:
    """The account's cards, the default first, then the newest."""
    found = await connection.execute(
        text(
            "SELECT id, brand, last4, exp_month, exp_year, is_default FROM saved_cards"
            " WHERE account_id = :account_id ORDER BY is_default DESC, id DESC"
        ),
        {"account_id": account_id},
    )
    return tuple(SavedCard(row.id, row.brand, row.last4, row.exp_month, row.exp_year, row.is_default) for row in found)
