"""What each thing that happens to money books.

The credits' side of a payment, refund or dispute is a transfer of the wallet's against `payments`, `refunds` or
`disputes`; here is its money's side against the same account, with what Stripe owes us for it in `receivables`; and
`on_balance`, once Stripe's balance shows it, takes that back. So these four are at zero when everything has come.

What is paid for a subscription stands against `deferred_subscriptions`, in its own currency, until its period goes by;
what is paid for a sale is `sales_revenue` at once.

In US dollars what credits are worth and what was paid differ by less than a cent, which is `rounding`. In another
currency both sides go through `currency_exchange`, in each currency's own lines.
"""

from collections.abc import Iterator
from typing import Literal

from services.billing.domain.books.posting import (
    MoneyKind,
    MoneyPosting,
    micros_of,
    micros_of_minor,
    posting_of,
    reversed_as,
)
from services.billing.domain.dispute import DisputeState
from services.billing.domain.payment import CREDITS, SUBSCRIPTION, Payment
from services.billing.domain.refund import RefundState
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

USD = "usd"
DEFERRED = "deferred_subscriptions"
SALES_REVENUE = "sales_revenue"
_CENT = 10_000

Side = tuple[str, str, int]
"""Ledger account, currency, micros: a debit is positive."""


def payment_received(payment: Payment) -> MoneyPosting:
    """Money came for credits, a subscription's period or a sale: Stripe owes it to us."""
    assert (payment.millicredits > 0) == (payment.type == CREDITS)
    sides = _owed_for(payment, "payments", payment.amount, payment.millicredits)
    return posting_of(MoneyKind.PAYMENT_RECEIVED, payment.id, sides)


def subscription_earned(payment: Payment, *, earned_minor: int, times: int) -> MoneyPosting:
    """So much of what was paid for a period is ours for good, since that part of it has gone by; under zero, so much of
    what was earned went back. `times` numbers a payment's postings of this kind."""
    micros = micros_of_minor(earned_minor, payment.amount.currency)
    return posting_of(
        MoneyKind.SUBSCRIPTION_EARNED,
        f"{payment.id}:{times}",
        [
            (DEFERRED, payment.amount.currency, micros),
            ("subscription_revenue", payment.amount.currency, -micros),
        ],
    )


def refund_made(refund: RefundState, payment: Payment, *, millicredits: int) -> MoneyPosting:
    """Money goes back for `millicredits` that were taken back."""
    assert refund.amount.currency == payment.amount.currency
    sides = _owed_for(payment, "refunds", refund.amount, millicredits, sign=-1)
    return posting_of(MoneyKind.REFUND_MADE, refund.id, sides)


def refund_undone(refund: RefundState, payment: Payment, *, millicredits: int) -> MoneyPosting:
    """The refund failed: its money is ours again, and its credits the customer's."""
    return reversed_as(MoneyKind.REFUND_UNDONE, refund_made(refund, payment, millicredits=millicredits))


def dispute_opened(dispute: DisputeState, payment: Payment, *, millicredits: int) -> MoneyPosting:
    """The bank took the money back, and `millicredits` were taken from the customer for it. A dispute of more than
    there were credits for, as of a charge that was partly refunded, loses the rest at once."""
    if payment.type != CREDITS:
        sides = _owed_for(payment, "disputes", dispute.amount, millicredits, sign=-1)
        return posting_of(MoneyKind.DISPUTE_OPENED, dispute.id, sides)
    return posting_of(MoneyKind.DISPUTE_OPENED, dispute.id, _disputed(dispute.amount, millicredits))


def dispute_resized(amount: Money, *, before: int, after: int, recovered: int, reference: str) -> MoneyPosting:
    """The dispute of `amount` now has `after` millicredits instead of `before`; `recovered` of them were booked as
    a lost debt, and are none."""
    sides = [*_disputed(amount, after)]
    sides += [(account, currency, -micros) for account, currency, micros in _disputed(amount, before)]
    sides += [("dispute_losses", USD, -recovered), ("allowance_for_debts", USD, recovered)]
    return posting_of(MoneyKind.DISPUTE_RESIZED, reference, sides)


def dispute_reinstated(dispute: DisputeState, payment: Payment, *, millicredits: int) -> MoneyPosting:
    """The dispute was won: the money is ours again, and the credits the customer's."""
    return reversed_as(MoneyKind.DISPUTE_REINSTATED, dispute_opened(dispute, payment, millicredits=millicredits))


def dispute_lost(dispute: DisputeState, *, uncovered_millicredits: int) -> MoneyPosting:
    """What the wallet did not have when the credits were taken is a debt that nobody will pay."""
    assert uncovered_millicredits >= 0
    return posting_of(
        MoneyKind.DISPUTE_LOST,
        dispute.id,
        [
            ("dispute_losses", USD, uncovered_millicredits),
            ("allowance_for_debts", USD, -uncovered_millicredits),
        ],
    )


def dispute_recovered(dispute: DisputeState, *, uncovered_millicredits: int) -> MoneyPosting:
    """The lost dispute was won by an appeal: nothing of it is a loss."""
    lost = dispute_lost(dispute, uncovered_millicredits=uncovered_millicredits)
    return reversed_as(MoneyKind.DISPUTE_RECOVERED, lost)


def debt_recovered(reference: str, *, millicredits: int) -> MoneyPosting:
    """Of a debt that was written off so much has been paid after all; under zero, so much of that was no debt."""
    sides = [("allowance_for_debts", USD, millicredits), ("dispute_losses", USD, -millicredits)]
    return posting_of(MoneyKind.DEBT_RECOVERED, reference, sides)


def on_balance(
    tx: BalanceTransaction, *, counter: Literal["receivables", "suspense"], receivable: Money | None = None
) -> MoneyPosting:
    """A transaction of Stripe's balance: what it added, what it cost, and against what. A payout goes to the bank and
    a fee to fees, whatever `counter` says. `receivable` is what was owed in the payment's currency, with the
    transaction's own sign, where the balance is kept in another; else the transaction's amount was."""
    account = _counter_of(tx) or counter
    owed = receivable if receivable is not None and account == "receivables" else None
    return posting_of(
        MoneyKind.STRIPE,
        tx.id,
        [
            ("stripe_balance", tx.currency, micros_of_minor(tx.net_minor, tx.currency)),
            ("stripe_fees", tx.currency, micros_of_minor(tx.fee_minor, tx.currency)),
            *_arrived(account, Money(tx.amount_minor, tx.currency), owed),
        ],
    )


def suspense_cleared(tx: BalanceTransaction, *, receivable: Money | None = None) -> MoneyPosting:
    """The transaction was booked against suspense, and is now known to be of a payment, refund or dispute."""
    amount = Money(tx.amount_minor, tx.currency)
    return posting_of(
        MoneyKind.SUSPENSE_CLEARED,
        tx.id,
        [("suspense", tx.currency, micros_of(amount)), *_arrived("receivables", amount, receivable)],
    )


def _owed_for(payment: Payment, clearing: str, money: Money, millicredits: int, *, sign: int = 1) -> Iterator[Side]:
    """As `_owed`; of a subscription, no credits stand against it, but a period, and of a sale what it earned."""
    if payment.type == CREDITS:
        yield from _owed(clearing, money, millicredits, sign=sign)
        return
    yield "receivables", money.currency, sign * micros_of(money)
    yield DEFERRED if payment.type == SUBSCRIPTION else SALES_REVENUE, money.currency, -sign * micros_of(money)


def _disputed(amount: Money, millicredits: int) -> Iterator[Side]:
    gap = micros_of(amount) - millicredits
    rest = "rounding" if abs(gap) < _CENT else "dispute_losses"
    return _owed("disputes", amount, millicredits, sign=-1, rest=rest)


def _owed(clearing: str, money: Money, millicredits: int, *, sign: int = 1, rest: str = "rounding") -> Iterator[Side]:
    """Stripe owes us money (`sign` -1: no longer does) for so many credits."""
    assert millicredits >= 0
    paid = micros_of(money)
    yield "receivables", money.currency, sign * paid
    yield clearing, USD, -sign * millicredits
    if money.currency == USD:
        yield rest, USD, -sign * (paid - millicredits)
    else:
        yield "currency_exchange", money.currency, -sign * paid
        yield "currency_exchange", USD, sign * millicredits


def _arrived(account: str, amount: Money, owed: Money | None) -> Iterator[Side]:
    """What was owed and has come (or gone), in the balance's currency or by way of another."""
    if owed is None or owed.currency == amount.currency:
        yield account, amount.currency, -micros_of(amount)
        return
    yield account, owed.currency, -micros_of(owed)
    yield "currency_exchange", owed.currency, micros_of(owed)
    yield "currency_exchange", amount.currency, -micros_of(amount)


_COUNTERS = {
    "payout": "bank",
    "payout_cancel": "bank",
    "payout_failure": "bank",
    "stripe_fee": "stripe_fees",
    "stripe_fx_fee": "stripe_fees",
    "tax_fee": "stripe_fees",
}
"""By Stripe's type: where money went that no payment, refund or dispute moved."""


def _counter_of(tx: BalanceTransaction) -> str | None:
    if tx.reporting_category in {"fee", "network_cost"}:
        return "stripe_fees"
    return _COUNTERS.get(tx.type)
