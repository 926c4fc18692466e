"""Billing's background loops. Each claims its work by a lock, so that any number of processes may run them."""

from datetime import timedelta

from services.billing.service import Billing
from shared import idempotency, outbox
from shared.loops import Loop


def loops(billing: Billing) -> list[Loop]:
    """All of them."""
    return [
        outbox.dispatcher("billing", billing.database, billing.redis),
        Loop(
            "billing-idempotency",
            timedelta(minutes=10).total_seconds(),
            lambda: idempotency.forget_old(billing.database, billing.clock),
        ),
    ]
