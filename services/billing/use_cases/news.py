"""Billing's events about payments and disputes (its README lists them)."""

import asyncio

from services.billing.domain.dispute import Dispute
from services.billing.domain.disputing import Step
from services.billing.domain.payment import Payment, Status
from services.billing.service import Billing
from shared import outbox
from shared.db import Connection

_COMMITTED_IN_SECONDS = 0.1
"""By then most transactions have ended; what ends later, the dispatcher's own next look finds."""


async def tell(billing: Billing, connection: Connection, payment: Payment) -> None:
    """`payment.<status>`, in the transaction that brought the payment there."""
    await outbox.publish(connection, f"payment.{payment.status}", payment.id, _facts(payment), at=billing.clock.now())
    _ring(billing)


async def tell_refund(billing: Billing, connection: Connection, before: Payment, after: Payment) -> None:
    """That more of a payment has gone back (`payment.partially_refunded`, `payment.refunded`), or that some of it came
    back because a refund failed. More that goes back of a disputed payment is not told of: its status stays."""
    if after.refunded_minor < before.refunded_minor:
        facts = {**_facts(after), "status": after.status.value}
        await outbox.publish(connection, "payment.refund_failed", after.id, facts, at=billing.clock.now())
        _ring(billing)
    elif after.status is not Status.DISPUTED:
        await tell(billing, connection, after)


async def tell_dispute(
    billing: Billing, connection: Connection, dispute: Dispute, step: Step, *, card_fingerprint: str | None
) -> None:
    """`dispute.opened`, `dispute.lost` or `dispute.won`, in the transaction that booked the step."""
    await outbox.publish(
        connection,
        f"dispute.{step}",
        dispute.id,
        {
            "dispute_id": dispute.id,
            "payment_id": dispute.payment_id,
            "account_id": dispute.account_id,
            "reason": dispute.reason,
            "millicredits": dispute.millicredits,
            "amount_minor": dispute.amount.amount_minor,
            "currency": dispute.amount.currency,
            "usd_minor": dispute.usd_minor,
            "card_fingerprint": card_fingerprint,
        },
        at=billing.clock.now(),
    )
    _ring(billing)


def _facts(payment: Payment) -> dict[str, object]:
    return {
        "payment_id": payment.id,
        "account_id": payment.account_id,
        "type": payment.type,
        "millicredits": payment.millicredits,
        "amount_minor": payment.amount.amount_minor,
        "refunded_minor": payment.refunded_minor,
        "currency": payment.amount.currency,
        "usd_minor": payment.usd_minor,
        "flags": list(payment.flags),
    }


def _ring(billing: Billing) -> None:
    asyncio.get_running_loop().call_later(_COMMITTED_IN_SECONDS, billing.news_bell.set)
