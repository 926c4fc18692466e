"""Learning what payments were: from disputes, and from an operator's own word. A review says it as it is decided."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from services.fraud.domain.label import Label, label_of_dispute
from services.fraud.service import Fraud
from services.fraud.store import case_pictures, labels
from services.fraud.use_cases.counting import count_labels
from shared import audit
from shared.db import Connection
from shared.errors import Invalid
from shared.ids import new_id
from shared.telemetry import logger

ID_PREFIX = "lbl"

Keep = Callable[[Connection, Label], Awaitable[None]]


async def learn_from_dispute(
    connection: Connection, status: str, *, dispute_id: str, payment_id: str, reason: str, at: datetime
) -> Label | None:
    """Keep what billing's `dispute.<status>` says, in the transaction that moves the feed's cursor: known from `at`.
    The label where it is a new one; None where the dispute is no matter of fraud, or the news is known."""
    label = label_of_dispute(status, dispute_id=dispute_id, payment_id=payment_id, reason=reason, at=at)
    if label is None or not await labels.learn(connection, label):
        return None
    logger.info("payment_labelled", payment_id=payment_id, is_fraud=label.is_fraud, source=label.source)
    return label


async def say(fraud: Fraud, actor: audit.Actor, payment_id: str, *, is_fraud: bool, keep: Keep) -> Label:
    """An operator's word on a payment that was judged here: it counts before a bank's and a review's, until an operator
    says another. Raises Invalid."""
    async with fraud.database.transaction() as connection:
        if await case_pictures.record(connection, payment_id) is None:
            raise Invalid("/payment_id", "names no payment that was judged here")
        at = fraud.clock.now()
        label = Label(payment_id, is_fraud, "operator", new_id(ID_PREFIX, at=fraud.clock.real_now()), at)
        await labels.learn(connection, label)
        await audit.write(connection, actor, "payment.labelled", payment_id, {"is_fraud": is_fraud}, at=at)
        await count_labels(fraud.velocity, connection, [payment_id], now=at)
        await keep(connection, label)
    logger.info("payment_labelled", payment_id=payment_id, is_fraud=is_fraud, source="operator")
    return label
