"""Learning what payments were, from disputes; reviews and operators say it in their own verbs."""

from datetime import datetime

from services.fraud.domain.label import Label, label_of_dispute
from services.fraud.store import labels
from shared.db import Connection
from shared.telemetry import logger


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
