"""What a refund's present state at Stripe does to its payment, the last of its three steps (`refund_asking` has them
all): the one way by which credits of money that went back are taken, and given back where it came back.

Whoever has a refund's state (the request that asked for it, the loop, an event, reconciliation) settles it here, in a
transaction of its own choosing. Settling a state again, or one that a further one has overtaken, changes nothing.
"""

from dataclasses import replace

from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.books.postings import refund_made, refund_undone
from services.billing.domain.checkout_session import Ignored
from services.billing.domain.payment import PAID, Payment
from services.billing.domain.refund import PREFIX, Refund, RefundId, RefundState, RefundStatus
from services.billing.domain.refunding import Settled, known_refund, money_moves, settled, worth_of
from services.billing.domain.top_up import refunded
from services.billing.service import Billing
from services.billing.store import payments, refunds, top_ups
from services.billing.use_cases.bookkeeping import book, settle_transaction
from services.billing.use_cases.dispute_shares import put_shares_right
from services.billing.use_cases.news import tell_refund
from services.billing.use_cases.payment_steps import save
from services.billing.use_cases.post_credit import post_refund, post_refund_undone
from services.billing.use_cases.subscription_money import look_at_subscription
from services.billing.use_cases.top_up_mails import save_setting
from shared.db import Connection
from shared.errors import DomainError
from shared.ids import new_id, new_uuid
from shared.money import Credits
from shared.telemetry import logger_of

logger = logger_of("stripe")


async def settle_refund(billing: Billing, connection: Connection, refund: RefundState) -> Ignored | None:
    """Apply a refund as Stripe has it now; Ignored with the reason where it is none of ours.

    Locks the payment's row, its account's top-up setting, then, when credits move, the wallet. Credits that are taken
    stop the automatic top-up. One that was made at Stripe gets a row here.
    """
    payment = await payments.locked_of_charge(connection, intent_id=refund.intent_id, charge_id=refund.charge_id)
    if payment is None:
        return Ignored("no payment here has this charge")
    stranger = _stranger(payment, refund)
    if stranger is not None:
        logger.warning("refund_ignored", payment_id=payment.id, stripe_id=refund.id, reason=stranger)
        return Ignored(stranger)
    await settle_refund_of(billing, connection, payment, refund)
    return None


async def settle_refund_of(billing: Billing, connection: Connection, payment: Payment, state: RefundState) -> Refund:
    """The same for a payment whose row is locked; the refund as it then is."""
    setting = await top_ups.locked(connection, payment.account_id)
    known = await refunds.of_payment(connection, payment.id)
    before = known_refund(known, state)
    refund = before or _made_at_stripe(billing, payment, state)
    change = settled(payment, [each for each in known if each.id != refund.id], refund, state)
    if change.millicredits > 0 and setting is not None:
        await save_setting(connection, setting, refunded(setting), at=billing.clock.now())
    after = await _moved(billing, connection, change)
    await _save(billing, connection, before, after)
    if change.payment != payment:
        await save(billing, connection, change.payment)
        await tell_refund(billing, connection, payment, change.payment)
    await _book(billing, connection, change, state, was_live=before is not None and before.live)
    await put_shares_right(billing, connection, change.payment)
    if change.payment.refunded_minor != payment.refunded_minor:
        await look_at_subscription(billing, connection, change.payment)
    return after


async def list_refunds(billing: Billing, payment_id: str, *, after: str | None, limit: int) -> list[Refund]:
    """Up to `limit` refunds of a payment, newest first, after the refund `after`. Raises `invalid_cursor`."""
    async with billing.database.transaction() as connection:
        known = await refunds.of_payment(connection, payment_id) if after is not None else []
        if after is not None and after not in {refund.id for refund in known}:
            raise DomainError("invalid_cursor", "`after` is no refund of this payment's.")
        return await refunds.page(connection, payment_id, after=after, limit=limit)


def _stranger(payment: Payment, refund: RefundState) -> str | None:
    if payment.status not in PAID:
        return f"the refunded payment is {payment.status}: its money has not been credited"
    if refund.amount.currency != payment.amount.currency:
        return f"refunded in {refund.amount.currency} where {payment.amount.currency} was paid"
    if refund.status not in set(RefundStatus) - {RefundStatus.REQUESTED}:
        return f"the refund's status is {refund.status}"
    return None


def _made_at_stripe(billing: Billing, payment: Payment, state: RefundState) -> Refund:
    now = billing.clock.now()
    return Refund(
        id=RefundId(new_id(PREFIX, at=now)),
        payment_id=payment.id,
        amount=state.amount,
        status=RefundStatus.REQUESTED,
        created_at=now,
        reason=state.reason,
    )


async def _moved(billing: Billing, connection: Connection, change: Settled) -> Refund:
    """The refund with the transfer of the credits that it moves, if it moves any."""
    if change.millicredits == 0:
        return change.refund
    taken, payment = change.millicredits > 0, change.payment
    transfer_id = new_uuid(at=billing.clock.real_now())
    amount = abs(change.millicredits)
    post = post_refund if taken else post_refund_undone
    posted = await post(
        connection,
        account_id=payment.account_id,
        transfer_id=transfer_id,
        millicredits=amount,
        reference=payment.id,
        description=f"Refund of {Credits(amount)} credits" + ("" if taken else ", which failed"),
        purchase_id=payment.transfer_id,
        at=billing.clock.now(),
        real_now=billing.clock.real_now(),
    )
    assert posted.moved, "the id was made for this transfer"
    if taken:
        return replace(change.refund, transfer_id=transfer_id)
    return replace(change.refund, return_transfer_id=transfer_id)


async def _save(billing: Billing, connection: Connection, before: Refund | None, after: Refund) -> None:
    if before is None:
        await refunds.insert(connection, after)
    elif before != after:
        await refunds.save(connection, after, at=billing.clock.now())
    if before is None or before.status is not after.status:
        logger.info("refund_settled", refund_id=after.id, payment_id=after.payment_id, status=after.status.value)


async def _book(
    billing: Billing, connection: Connection, change: Settled, state: RefundState, *, was_live: bool
) -> None:
    """The money's side (`money_moves`): what Stripe no longer owes us, or owes us again; and what its balance shows of
    it. What went both ways moved no credits, and is booked at what its amount was worth."""
    now, payment = billing.clock.now(), change.payment
    moves = money_moves(was_live=was_live, is_live=change.refund.live, in_balance=state.transaction is not None)
    worth = abs(change.millicredits) if len(moves) == 1 else worth_of(state.amount, payment)
    for kind in moves:
        await book(connection, _POSTINGS[kind](state, payment, millicredits=worth), at=now)
    for transaction in (state.transaction, state.failure_transaction):
        if transaction is not None:
            await settle_transaction(billing, connection, transaction)


_POSTINGS = {MoneyKind.REFUND_MADE: refund_made, MoneyKind.REFUND_UNDONE: refund_undone}
