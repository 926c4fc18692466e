"""News from billing: what has been paid, given back or disputed. Others are passed over."""

import asyncio
from datetime import datetime

from services.gateway.service import Gateway
from services.gateway.store import paid_payments
from shared.db import Connection
from shared.inbox import Event, FeedReader
from shared.loops import Loop

EVERY_SECONDS = 5.0
_GOOD = frozenset({"payment.succeeded", "payment.partially_refunded"})
_BAD = frozenset({"payment.refunded", "payment.disputed"})
_REFUND_FAILED = "payment.refund_failed"


def reader(gateway: Gateway) -> Loop:
    """Reads billing's feed; several readers take turns. Nobody waits for it, so it hears no bell."""
    feed = FeedReader("billing", "gateway", gateway.database, gateway.billing, handle)
    return feed.loop(asyncio.Event(), every_seconds=EVERY_SECONDS)


async def handle(connection: Connection, event: Event) -> None:
    """One event, in the transaction that moves the cursor."""
    kind = f"payment.{event.data['status']}" if event.kind == _REFUND_FAILED else event.kind
    if kind in _GOOD:
        account_id, at = event.data["account_id"], datetime.fromisoformat(event.created_at)
        await paid_payments.keep(connection, event.subject, account_id=account_id, paid_at=at)
    elif kind in _BAD:
        await paid_payments.spoil(connection, event.subject)
