"""Putting right what each dispute of a payment has taken, once refunds of it have come or failed."""

from uuid import UUID

from services.billing.domain.dispute_shares import ShareChange, ShareMove, moves_due, posting_of_move, taken_by
from services.billing.domain.payment import Payment
from services.billing.service import Billing
from services.billing.store import dispute_changes, disputes
from services.billing.use_cases.bookkeeping import book
from services.billing.use_cases.post_credit import post_dispute, post_dispute_won
from shared.db import Connection
from shared.ids import new_uuid
from shared.telemetry import logger_of

logger = logger_of("stripe")


async def put_shares_right(billing: Billing, connection: Connection, payment: Payment) -> None:
    """Move what each of its disputes has too little or too much, in the caller's transaction, in which the payment's
    row is locked. Locks the account's wallet where there is something to move; nothing is where they are right."""
    for move in moves_due(payment, await disputes.of_payment(connection, payment.id)):
        await _make(billing, connection, payment, move)


async def _make(billing: Billing, connection: Connection, payment: Payment, move: ShareMove) -> None:
    now, transfer_id = billing.clock.now(), await _transfer(billing, connection, payment, move)
    await disputes.save(connection, taken_by(move, transfer_id), at=now)
    change = ShareChange(transfer_id, move.after.id, move.millicredits, now)
    await dispute_changes.insert(connection, change)
    posting = posting_of_move(move, transfer_id)
    if posting is not None:
        await book(connection, posting, at=now)
    logger.info("dispute_resized", dispute_id=move.after.id, payment_id=payment.id, millicredits=move.millicredits)


async def _transfer(billing: Billing, connection: Connection, payment: Payment, move: ShareMove) -> UUID:
    taken, transfer_id = move.millicredits > 0, new_uuid(at=billing.clock.real_now())
    post = post_dispute if taken else post_dispute_won
    await post(
        connection,
        account_id=payment.account_id,
        transfer_id=transfer_id,
        millicredits=abs(move.millicredits),
        reference=payment.id,
        description="Taken back by a dispute, as a refund failed" if taken else "Given back: a refund had taken it",
        purchase_id=payment.transfer_id,
        at=billing.clock.now(),
        real_now=billing.clock.real_now(),
    )
    return transfer_id
