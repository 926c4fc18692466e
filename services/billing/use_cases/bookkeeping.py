"""Booking money, inside a transaction that the caller owns: once for each posting, whoever books it and however often.

    await book(connection, payment_received(payment), at=clock.now())
    await settle_transaction(billing, connection, tx)      # any transaction of Stripe's balance

Book what a payment, refund or dispute is before the transaction that it caused, so that the latter finds whose it is.
"""

from datetime import datetime

from services.billing.domain.books.posting import MoneyKind, MoneyPosting
from services.billing.domain.books.postings import on_balance, suspense_cleared
from services.billing.domain.checkout_session import Ignored
from services.billing.domain.stripe_balance import BalanceTransaction
from services.billing.service import Billing
from services.billing.store import money_entries, stripe_transactions
from shared.db import Connection
from shared.money import Money


async def book(connection: Connection, posting: MoneyPosting, *, at: datetime) -> bool:
    """Append a posting (`at` is business time); False where it was booked before, or has nothing to book."""
    return bool(posting.lines) and await money_entries.insert(connection, posting, at=at)


async def settle_transaction(billing: Billing, connection: Connection, tx: BalanceTransaction) -> Ignored | None:
    """Book what a transaction did to Stripe's balance: against what is owed for its charge, refund or dispute, the bank
    for a payout, fees for a fee. What is none of ours, as of another product at the same Stripe account, is booked
    against suspense and Ignored. Told again of one that has turned out to be ours since, it clears the suspense. It
    occurred when Stripe says, however late it is booked."""
    await stripe_transactions.insert(connection, tx, at=billing.clock.now())
    owed = await money_entries.owed_for(connection, tx.source) if tx.source else None
    receivable = _with_sign_of(tx, owed) if owed else None
    posting = on_balance(tx, counter="receivables" if owed else "suspense", receivable=receivable)
    booked = await book(connection, posting, at=tx.created_at)
    if owed is None:
        return Ignored("the money is of no payment here") if _is_in_suspense(posting) else None
    if not booked:
        await _clear_suspense(billing, connection, tx, receivable)
    return None


async def _clear_suspense(
    billing: Billing, connection: Connection, tx: BalanceTransaction, receivable: Money | None
) -> None:
    lines = await money_entries.lines_of(connection, tx.id, [MoneyKind.STRIPE])
    if any(line.ledger_account == "suspense" for line in lines):
        await book(connection, suspense_cleared(tx, receivable=receivable), at=billing.clock.now())


def _with_sign_of(tx: BalanceTransaction, owed: Money) -> Money:
    """A refund that failed and a dispute that was won come back by a transaction of the other sign."""
    amount = abs(owed.amount_minor)
    return Money(amount if tx.amount_minor >= 0 else -amount, owed.currency)


def _is_in_suspense(posting: MoneyPosting) -> bool:
    return any(line.ledger_account == "suspense" for line in posting.lines)
