"""The table `subscription_invoices`: invoices of subscriptions as Stripe had them last. `payment_id` is written by
whoever books their money."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.subscriptions.subscription import InvoiceState, SubscriptionId

_TOLD = (
    *("status", "billing_reason", "currency", "total_minor", "paid_minor", "attempts", "period_start_at"),
    *("period_end_at", "intent_id", "paid_at", "discount_minor"),
)
_NAMES = ("stripe_invoice_id", "subscription_id", *_TOLD, "charge_id", "created_at")


async def keep(
    connection: AsyncConnection, subscription_id: SubscriptionId, invoices: Sequence[InvoiceState], *, at: datetime
) -> None:
    """Write what Stripe has; rows that say the same are left alone. The subscription's row must be
    locked. A charge that is known already stays where the state names none."""
    if not invoices:
        return
    changes = ", ".join(f"{name} = excluded.{name}" for name in _TOLD)
    kept = ", ".join(f"subscription_invoices.{name}" for name in _TOLD)
    told = ", ".join(f"excluded.{name}" for name in _TOLD)
    await connection.execute(
        text(
            f"INSERT INTO subscription_invoices ({', '.join(_NAMES)}, updated_at)"  # noqa: S608
            f" VALUES ({', '.join(f':{name}' for name in _NAMES)}, :at)"
            f" ON CONFLICT (stripe_invoice_id) DO UPDATE SET {changes}, updated_at = excluded.updated_at,"
            " charge_id = coalesce(excluded.charge_id, subscription_invoices.charge_id)"
            f" WHERE ({kept}) IS DISTINCT FROM ({told})"
            " AND subscription_invoices.subscription_id = excluded.subscription_id"
        ),
        [{**_values(invoice), "subscription_id": subscription_id, "at": at} for invoice in invoices],
    )


def _values(invoice: InvoiceState) -> dict[str, object]:
    return {
        "stripe_invoice_id": invoice.id,
        "charge_id": invoice.charge_id,
        "created_at": invoice.created_at,
        **{name: getattr(invoice, name) for name in _TOLD},
    }
