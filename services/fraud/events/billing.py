"""News from billing: what became of payments, and disputes about them. Other kinds are passed over (docs/events.md)."""

from datetime import datetime
from functools import partial

from services.fraud.service import Fraud
from services.fraud.use_cases.cases import close_case
from services.fraud.use_cases.counting import count_failure, count_labels
from services.fraud.use_cases.labels import learn_from_dispute
from services.fraud.use_cases.outcomes import note_outcome
from shared.db import Connection
from shared.inbox import Event, FeedReader

ENDED = frozenset({"canceled", "expired", "failed"})
"""What leaves nothing to decide."""


def reader(fraud: Fraud) -> FeedReader:
    """Reads billing's feed; several readers take turns."""
    return FeedReader("billing", "fraud", fraud.database, fraud.billing, partial(handle, fraud))


async def handle(fraud: Fraud, connection: Connection, event: Event) -> None:
    """One event, in the transaction that moves the cursor."""
    matter, _, status = event.kind.partition(".")
    if matter == "payment":
        await _hear_of_payment(fraud, connection, event, status)
    elif matter == "dispute":
        await _hear_of_dispute(fraud, connection, event, status)


async def _hear_of_payment(fraud: Fraud, connection: Connection, event: Event, status: str) -> None:
    payment_id, at = str(event.data["payment_id"]), datetime.fromisoformat(event.created_at)
    await note_outcome(connection, payment_id, account_id=str(event.data["account_id"]), status=status, at=at)
    if status == "failed":
        await count_failure(fraud.velocity, connection, payment_id, failed_at=at, now=fraud.clock.now())
    if status in ENDED:
        await close_case(connection, payment_id, at=at, why=status)


async def _hear_of_dispute(fraud: Fraud, connection: Connection, event: Event, status: str) -> None:
    payment_id = str(event.data["payment_id"])
    label = await learn_from_dispute(
        connection,
        status,
        dispute_id=str(event.data["dispute_id"]),
        payment_id=payment_id,
        reason=str(event.data["reason"]),
        at=datetime.fromisoformat(event.created_at),
    )
    if label is not None:
        await count_labels(fraud.velocity, connection, [payment_id], now=fraud.clock.now())
