"""What a dispute's present state does: to the wallet, the payment, the money book, and whoever listens.

Whoever has fetched a dispute settles it here, in a transaction of its own choosing. `domain/disputing.py` says which
steps are left, so a state that comes again, or late, does nothing further.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from services.billing.domain import top_up
from services.billing.domain.books.of_dispute import postings_of
from services.billing.domain.checkout_session import Ignored
from services.billing.domain.dispute import PREFIX, Dispute, DisputeId, DisputeState
from services.billing.domain.disputing import (
    STATUSES,
    PaymentNotSettledYet,
    Step,
    credits_covered,
    disputed_minor,
    heard,
    lost,
    not_covered,
    opened,
    recorded,
    steps_left,
    won,
)
from services.billing.domain.payment import PAID, Payment, Status, disputed, undisputed
from services.billing.domain.payment import PREFIX as PAYMENT_PREFIX
from services.billing.service import Billing
from services.billing.store import disputes, payments, top_ups, wallets
from services.billing.store.ledger_connection import ledger_of
from services.billing.use_cases.bookkeeping import book, settle_transaction
from services.billing.use_cases.dispute_shares import put_shares_right
from services.billing.use_cases.news import tell_dispute
from services.billing.use_cases.payment_steps import save
from services.billing.use_cases.post_credit import lock_wallet, post_dispute, post_dispute_won
from services.billing.use_cases.subscription_money import look_at_subscription
from services.billing.use_cases.top_up_mails import save_setting
from shared.db import Connection
from shared.errors import DomainError, NotFound
from shared.ids import decode, new_id, new_uuid
from shared.telemetry import logger_of

logger = logger_of("stripe")


async def settle_dispute(billing: Billing, connection: Connection, state: DisputeState) -> Ignored | None:
    """Apply a dispute as Stripe has it now; Ignored with the reason where it is none of ours.

    Locks the payment's row, its account's top-up, then its wallet. Each step (opened, lost, won) and each movement of
    money is booked once, whatever states come in whatever order. Raises PaymentNotSettledYet where the dispute came
    before its payment's own success: it is to be tried again.
    """
    if state.status not in STATUSES:
        logger.error("dispute_status_unknown", dispute=state.id, status=state.status)
        return Ignored(f"disputes of the status {state.status} are not known here")
    payment = await payments.locked_of_charge(connection, intent_id=state.intent_id, charge_id=state.charge_id)
    if payment is None:
        return await _unknown(connection, state)
    if payment.status not in PAID:
        raise PaymentNotSettledYet(payment.id)
    await _settle(billing, connection, state, payment)
    return None


async def list_disputes(billing: Billing, *, status: str | None, after: str | None, limit: int) -> list[Dispute]:
    """Up to `limit` disputes, newest first. Raises `invalid_cursor`."""
    async with billing.database.transaction() as connection:
        if after is not None and await disputes.find(connection, after) is None:
            raise DomainError("invalid_cursor", "`after` is no dispute here.")
        return await disputes.page(connection, status=status, after=after, limit=limit)


async def read_dispute(billing: Billing, dispute_id: str) -> Dispute:
    """Raises NotFound."""
    found = None
    if decode(PREFIX, dispute_id) is not None:
        async with billing.database.transaction() as connection:
            found = await disputes.find(connection, dispute_id)
    if found is None:
        raise NotFound("dispute")
    return found


async def _unknown(connection: Connection, state: DisputeState) -> Ignored:
    """No payment has its charge. One that the charge is labelled with may get it by its own event, still to come."""
    if state.payment_id is not None and decode(PAYMENT_PREFIX, state.payment_id):
        labelled = await payments.find(connection, state.payment_id)
        if labelled is not None and labelled.intent_id is None:
            raise PaymentNotSettledYet(labelled.id)
    return Ignored("no payment here has this charge")


@dataclass(frozen=True, slots=True)
class _Case:
    """What the steps work with. `others` are the payment's other disputes."""

    billing: Billing
    connection: Connection
    state: DisputeState
    payment: Payment
    others: list[Dispute]


async def _settle(billing: Billing, connection: Connection, state: DisputeState, payment: Payment) -> None:
    rows = await disputes.of_payment(connection, payment.id)
    known = next((row for row in rows if row.stripe_dispute_id == state.id), None)
    case = _Case(billing, connection, state, payment, [row for row in rows if row is not known])
    dispute = heard(known or _new(case), state)
    left = steps_left(dispute)
    for step in left:
        dispute = await _BOOK[step](case, dispute)
    await disputes.save(connection, dispute, at=billing.clock.now())
    await _settle_payment(case, dispute)
    await _book_money(case, dispute)
    await put_shares_right(billing, connection, payment)
    if left:
        await look_at_subscription(billing, connection, payment)
    for step in left:
        await tell_dispute(billing, connection, dispute, step, card_fingerprint=state.card_fingerprint)
        logger.info("dispute_settled", dispute_id=dispute.id, payment_id=payment.id, step=step.value)


def _new(case: _Case) -> Dispute:
    at = case.billing.clock.now()
    return recorded(case.state, case.payment, dispute_id=DisputeId(new_id(PREFIX, at=at)), at=at)


async def _open(case: _Case, dispute: Dispute) -> Dispute:
    """Freeze the account, stop its automatic top-up, and take what the dispute covers, under zero if it must be."""
    at = case.billing.clock.now()
    await _stop_top_up(case.connection, dispute.account_id, at=at)
    await lock_wallet(case.connection, dispute.account_id, at=at)
    await wallets.count_dispute(await ledger_of(case.connection), dispute.account_id, 1)
    taken = credits_covered(case.payment, disputed_minor(case.state, case.payment), case.others)
    if not taken:
        return opened(dispute, taken=0, uncovered=0, taken_by=None, at=at)
    posted = await post_dispute(
        case.connection,
        account_id=dispute.account_id,
        transfer_id=new_uuid(at=case.billing.clock.real_now()),
        millicredits=taken,
        reference=dispute.payment_id,
        description="Taken back by a dispute",
        purchase_id=case.payment.transfer_id,
        at=at,
        real_now=case.billing.clock.real_now(),
    )
    uncovered = not_covered(taken, balance_before=posted.wallet.balance + taken)
    return opened(dispute, taken=taken, uncovered=uncovered, taken_by=posted.transfer.id, at=at)


async def _stop_top_up(connection: Connection, account_id: str, *, at: datetime) -> None:
    """Before the wallet is locked, as everybody who locks both does."""
    setting = await top_ups.locked(connection, account_id)
    if setting is not None:
        await save_setting(connection, setting, top_up.disputed(setting), at=at)


async def _lose(case: _Case, dispute: Dispute) -> Dispute:
    """What was taken stays taken; the account may spend again what it has."""
    await _thaw(case, dispute)
    return lost(dispute, at=case.billing.clock.now())


async def _win(case: _Case, dispute: Dispute) -> Dispute:
    """Give back what was taken."""
    at = case.billing.clock.now()
    await _thaw(case, dispute)
    if not dispute.millicredits:
        return won(dispute, restored_by=None, at=at)
    posted = await post_dispute_won(
        case.connection,
        account_id=dispute.account_id,
        transfer_id=new_uuid(at=case.billing.clock.real_now()),
        millicredits=dispute.millicredits,
        reference=dispute.payment_id,
        description="Given back after a dispute",
        purchase_id=case.payment.transfer_id,
        at=at,
        real_now=case.billing.clock.real_now(),
    )
    return won(dispute, restored_by=posted.transfer.id, at=at)


_BOOK: dict[Step, Callable[[_Case, Dispute], Awaitable[Dispute]]] = {
    Step.OPEN: _open,
    Step.LOSE: _lose,
    Step.WIN: _win,
}


async def _thaw(case: _Case, dispute: Dispute) -> None:
    await lock_wallet(case.connection, dispute.account_id, at=case.billing.clock.now())
    if dispute.freezes:
        await wallets.count_dispute(await ledger_of(case.connection), dispute.account_id, -1)


async def _settle_payment(case: _Case, dispute: Dispute) -> None:
    """`disputed` while any of its disputes is open or lost; else what its refunds make of it."""
    payment = case.payment
    if any(each.keeps for each in [dispute, *case.others]):
        payment = disputed(payment)
    elif payment.status is Status.DISPUTED:
        payment = undisputed(payment)
    if payment != case.payment:
        await save(case.billing, case.connection, payment)


async def _book_money(case: _Case, dispute: Dispute) -> None:
    """What is in the book already is not booked again; the transactions come after what they are of."""
    for posting in postings_of(dispute, case.state, case.payment):
        await book(case.connection, posting, at=case.billing.clock.now())
    for tx in case.state.transactions:
        await settle_transaction(case.billing, case.connection, tx)
