"""The tables `subscriptions` and `subscription_steps`. What a subscription is changes under the lock of its row."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.payment_step import Cause
from services.billing.domain.subscriptions.plan import PlanId
from services.billing.domain.subscriptions.subscription import Reason, Standing, Status, Subscription, SubscriptionId
from shared.money import Money

_FIXED = ("id", "account_id", "created_at")
_AS_THEY_ARE = (
    "version",
    "stripe_status",
    "stripe_subscription_id",
    "stripe_customer_id",
    "session_id",
    "checkout_url",
    "current_period_start_at",
    "current_period_end_at",
    "expires_at",
    "trial_ends_at",
    "cancel_at_period_end",
    "canceled_at",
    "payment_failures",
    "failing_invoice_id",
    "suspended_at",
    "paused_at",
    "asked_at",
    "check_at",
)
_CHANGING = ("plan_id", "price_minor", "currency", "status", "standing", "reason", *_AS_THEY_ARE)
_COLUMNS = ", ".join((*_FIXED, *_CHANGING))


async def insert(connection: AsyncConnection, subscription: Subscription) -> None:
    """A new one. Its step is the caller's to append."""
    names = (*_FIXED, *_CHANGING)
    await connection.execute(
        text(
            f"INSERT INTO subscriptions ({_COLUMNS}, updated_at)"  # noqa: S608
            f" VALUES ({', '.join(f':{name}' for name in names)}, :created_at)"
        ),
        _values(subscription),
    )


async def save(connection: AsyncConnection, subscription: Subscription, *, at: datetime) -> None:
    """Write what may change of one whose row is locked."""
    changes = ", ".join(f"{name} = :{name}" for name in _CHANGING)
    await connection.execute(
        text(f"UPDATE subscriptions SET {changes}, updated_at = :at WHERE id = :id"),  # noqa: S608
        {**_values(subscription), "at": at},
    )


async def append_step(
    connection: AsyncConnection, before: Subscription | None, after: Subscription, cause: Cause, *, at: datetime
) -> None:
    """Write down what became of it, and by whose doing."""
    await connection.execute(
        text(
            "INSERT INTO subscription_steps (subscription_id, at, from_status, to_status, standing, reason, cause,"
            " reference) VALUES (:id, :at, :from_status, :to_status, :standing, :reason, :cause, :reference)"
        ),
        {
            "id": after.id,
            "at": at,
            "from_status": before.status.value if before else None,
            "to_status": after.status.value,
            "standing": after.standing.value,
            "reason": after.reason.value if after.reason else None,
            "cause": cause.kind.value,
            "reference": cause.reference,
        },
    )


async def locked(connection: AsyncConnection, subscription_id: str) -> Subscription | None:
    return await _one(connection, "id = :value FOR UPDATE", subscription_id)


async def locked_of_stripe(connection: AsyncConnection, stripe_subscription_id: str) -> Subscription | None:
    """The one that Stripe calls so, its row locked."""
    return await _one(connection, "stripe_subscription_id = :value FOR UPDATE", stripe_subscription_id)


async def locked_of_session(connection: AsyncConnection, session_id: str) -> Subscription | None:
    """The one that a Checkout Session is to begin, its row locked."""
    return await _one(connection, "session_id = :value FOR UPDATE", session_id)


async def failing_of_customer(connection: AsyncConnection, stripe_customer_id: str) -> list[str]:
    """What Stripe calls those of a customer's that have an unpaid invoice. Served by `subscriptions_failing`."""
    found = await connection.execute(
        text(
            "SELECT stripe_subscription_id FROM subscriptions WHERE stripe_customer_id = :customer"
            " AND failing_invoice_id IS NOT NULL ORDER BY id"
        ),
        {"customer": stripe_customer_id},
    )
    return [row.stripe_subscription_id for row in found]


async def find(connection: AsyncConnection, subscription_id: str) -> Subscription | None:
    return await _one(connection, "id = :value", subscription_id)


async def page(
    connection: AsyncConnection, *, account_id: str | None, status: str | None, after: str | None, limit: int
) -> list[Subscription]:
    """Newest first, beginning below `after`; an account's, or all. Served by `subscriptions_of_account`,
    `subscriptions_by_status`, or the primary key."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM subscriptions"  # noqa: S608
            " WHERE (CAST(:account_id AS text) IS NULL OR account_id = :account_id)"
            " AND (CAST(:status AS text) IS NULL OR status = :status)"
            " AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"account_id": account_id, "status": status, "after": after, "limit": limit},
    )
    return [_subscription(row) for row in found]


async def _one(connection: AsyncConnection, condition: str, value: str) -> Subscription | None:
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM subscriptions WHERE {condition}"),  # noqa: S608
        {"value": value},
    )
    row = found.first()
    return None if row is None else _subscription(row)


def _values(subscription: Subscription) -> dict[str, object]:
    return {
        "id": subscription.id,
        "account_id": subscription.account_id,
        "created_at": subscription.created_at,
        "plan_id": subscription.plan_id,
        "price_minor": subscription.price.amount_minor,
        "currency": subscription.price.currency,
        "status": subscription.status.value,
        "standing": subscription.standing.value,
        "reason": subscription.reason.value if subscription.reason else None,
        **{name: getattr(subscription, name) for name in _AS_THEY_ARE},
    }


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        id=SubscriptionId(row.id),
        account_id=row.account_id,
        created_at=row.created_at,
        plan_id=PlanId(row.plan_id),
        price=Money(row.price_minor, row.currency),
        status=Status(row.status),
        standing=Standing(row.standing),
        reason=Reason(row.reason) if row.reason else None,
        **{name: getattr(row, name) for name in _AS_THEY_ARE},
    )
