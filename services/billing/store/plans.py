"""The table `plans`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.subscriptions.plan import Plan, PlanId
from shared.money import Money

_COLUMNS = (
    'id, name, price_minor, currency, "interval", interval_count, trial_days, max_activations, lease_seconds,'
    " entitlements, live, stripe_product_id, stripe_price_id"
)


async def insert_missing(connection: AsyncConnection, plan: Plan, *, at: datetime) -> bool:
    """Insert a plan unless there is one of its id; whether it was inserted."""
    written = await connection.execute(
        text(
            f"INSERT INTO plans ({_COLUMNS}, created_at, updated_at) VALUES (:id, :name, :price_minor, :currency,"  # noqa: S608
            " :interval, :interval_count, :trial_days, :max_activations, :lease_seconds, :entitlements, :live,"
            " :stripe_product_id, :stripe_price_id, :at, :at) ON CONFLICT (id) DO NOTHING"
        ),
        {
            "id": plan.id,
            "name": plan.name,
            "price_minor": plan.price.amount_minor,
            "currency": plan.price.currency,
            "interval": plan.interval,
            "interval_count": plan.interval_count,
            "trial_days": plan.trial_days,
            "max_activations": plan.max_activations,
            "lease_seconds": plan.lease_seconds,
            "entitlements": list(plan.entitlements),
            "live": plan.live,
            "stripe_product_id": plan.stripe_product_id,
            "stripe_price_id": plan.stripe_price_id,
            "at": at,
        },
    )
    return written.rowcount == 1


async def keep_stripe_ids(
    connection: AsyncConnection, plan_id: PlanId, *, product_id: str, price_id: str, at: datetime
) -> None:
    """Remember what a plan is called at Stripe."""
    await connection.execute(
        text(
            "UPDATE plans SET stripe_product_id = :product_id, stripe_price_id = :price_id, updated_at = :at"
            " WHERE id = :id"
        ),
        {"id": plan_id, "product_id": product_id, "price_id": price_id, "at": at},
    )


async def find(connection: AsyncConnection, plan_id: str) -> Plan | None:
    found = await connection.execute(text(f"SELECT {_COLUMNS} FROM plans WHERE id = :id"), {"id": plan_id})  # noqa: S608
    row = found.first()
    return None if row is None else _plan(row)


async def of_price(connection: AsyncConnection, stripe_price_id: str) -> Plan | None:
    """The plan that a price of Stripe's is of."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM plans WHERE stripe_price_id = :price"),  # noqa: S608
        {"price": stripe_price_id},
    )
    row = found.first()
    return None if row is None else _plan(row)


async def locked(connection: AsyncConnection, plan_id: str) -> Plan | None:
    """The plan, its row locked."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM plans WHERE id = :id FOR UPDATE"),  # noqa: S608
        {"id": plan_id},
    )
    row = found.first()
    return None if row is None else _plan(row)


async def retire(connection: AsyncConnection, plan_id: PlanId, *, at: datetime) -> None:
    """Sell it no more."""
    await connection.execute(
        text("UPDATE plans SET live = false, updated_at = :at WHERE id = :id"), {"id": plan_id, "at": at}
    )


async def all_plans(connection: AsyncConnection) -> list[Plan]:
    """Retired ones too, by price and id."""
    found = await connection.execute(text(f"SELECT {_COLUMNS} FROM plans ORDER BY price_minor, id"))  # noqa: S608
    return [_plan(row) for row in found]


def _plan(row: Row[Any]) -> Plan:
    return Plan(
        id=PlanId(row.id),
        name=row.name,
        price=Money(row.price_minor, row.currency),
        interval=row.interval,
        interval_count=row.interval_count,
        trial_days=row.trial_days,
        max_activations=row.max_activations,
        lease_seconds=row.lease_seconds,
        entitlements=tuple(row.entitlements),
        live=row.live,
        stripe_product_id=row.stripe_product_id,
        stripe_price_id=row.stripe_price_id,
    )
