"""What a payment and all that comes after it book: nothing is left where both sides have come (ADR 0019)."""

import itertools
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.books import postings
from services.billing.domain.books.posting import MoneyPosting, balances, micros_of_minor, money_of
from services.billing.domain.dispute import DisputeState
from services.billing.domain.payment import Payment, PaymentId, Status
from services.billing.domain.pricing import price_of
from services.billing.domain.refund import RefundState
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

AT = datetime(2026, 5, 1, tzinfo=UTC)
RATES = {"eur": 920_000, "gbp": 790_000, "jpy": 155_000_000, "bhd": 376_000}
CURRENCIES = ["usd", *RATES]
CLEARING = ("payments", "refunds", "disputes", "receivables")
Balances = dict[tuple[str, str], int]


def payment_of(credits: int, currency: str) -> Payment:
    price = price_of(credits, currency, RATES)
    return Payment(
        id=PaymentId("pay_1"),
        account_id="acct_1",
        type="credits",
        status=Status.SUCCEEDED,
        amount=price.money,
        usd_minor=price.usd_minor,
        millicredits=price.millicredits,
        rate_micros=price.rate_micros,
        success_url="",
        cancel_url="",
        created_at=AT,
        expires_at=AT,
    )


def refund_of(number: int, money: Money) -> RefundState:
    return RefundState(f"re_{number}", None, "ch_1", "pi_1", money, "succeeded", None, None, None, None)


def dispute_of(money: Money) -> DisputeState:
    return DisputeState("dp_1", "ch_1", "pi_1", money, "needs_response", "fraudulent", None, ())


def transaction(of: str, kind: str, amount_minor: int, fee_minor: int, currency: str) -> BalanceTransaction:
    net = amount_minor - fee_minor
    return BalanceTransaction(f"txn_{of}", kind, kind, amount_minor, fee_minor, net, currency, of, AT)


def credits_side(account: str, millicredits: int) -> Balances:
    """What a transfer of the wallet's leaves in its other account: a debit is over zero."""
    return {(account, "usd"): millicredits}


def total(*books: Iterable[MoneyPosting] | Balances) -> Balances:
    sums: Balances = defaultdict(int)
    for book in books:
        if isinstance(book, dict):
            for key, micros in book.items():
                sums[key] += micros
        else:
            for line in (line for posting in book for line in posting.lines):
                sums[line.ledger_account, line.currency] += line.micros
    return sums


def left_in(sums: Balances, *accounts: str) -> Balances:
    return {key: micros for key, micros in sums.items() if micros and key[0] in accounts}


def parts_of(data: st.DataObject, whole: int) -> list[int]:
    cuts = data.draw(st.sets(st.integers(1, whole - 1), max_size=4)) if whole > 1 else set()
    bounds = [0, *sorted(cuts), whole]
    return [end - begin for begin, end in itertools.pairwise(bounds)]


class Balance:
    """Stripe's, in the payment's currency or another one: what each movement books against what is owed."""

    def __init__(self, data: st.DataObject, currency: str) -> None:
        self.currency = data.draw(st.sampled_from([currency, "usd", "eur"]))
        self.rate = data.draw(st.fractions(min_value="1/100", max_value=100)) if self.currency != currency else 1
        self.moved_minor = 0

    def books(self, of: str, kind: str, money: Money, *, sign: int, fee: int) -> MoneyPosting:
        amount = sign * int(money.amount_minor * self.rate)
        self.moved_minor += amount - fee
        owed = Money(sign * money.amount_minor, money.currency)
        found = transaction(of, kind, amount, fee, self.currency)
        return postings.on_balance(found, counter="receivables", receivable=owed)


credits_bought = st.integers(1, 10_000_000)
currencies = st.sampled_from(CURRENCIES)
fees = st.integers(-2_000, 2_000)


@given(st.data(), credits_bought, currencies, fees)
def test_a_payment_and_its_refunds_leave_nothing_open(data: Any, credits: int, currency: str, fee: int) -> None:
    payment = payment_of(credits, currency)
    balance = Balance(data, currency)
    booked = [
        postings.payment_received(payment),
        balance.books("ch_1", "charge", payment.amount, sign=1, fee=fee),
    ]
    taken = refunded = 0
    for number, part in enumerate(parts_of(data, payment.amount.amount_minor)):
        refunded += part
        share = payment.millicredits * refunded // payment.amount.amount_minor - taken
        taken += share
        refund = refund_of(number, Money(part, currency))
        booked.append(postings.refund_made(refund, payment, millicredits=share))
        booked.append(balance.books(refund.id, "refund", refund.amount, sign=-1, fee=0))
    assert taken == payment.millicredits
    sums = total(booked, credits_side("payments", payment.millicredits), credits_side("refunds", -taken))
    assert left_in(sums, *CLEARING) == {}
    assert left_in(sums, "rounding") == {}
    assert sums["stripe_balance", balance.currency] == micros_of_minor(balance.moved_minor, balance.currency)
    assert sums["stripe_fees", balance.currency] == micros_of_minor(fee, balance.currency)


@given(st.data(), credits_bought, currencies)
def test_before_its_money_arrives_a_payment_is_owed(data: Any, credits: int, currency: str) -> None:
    payment = payment_of(credits, currency)
    sums = total([postings.payment_received(payment)], credits_side("payments", payment.millicredits))
    paid = micros_of_minor(payment.amount.amount_minor, currency)
    assert left_in(sums, *CLEARING) == {("receivables", currency): paid}
    assert 0 <= -sums["rounding", "usd"] < 10_000


@given(st.data(), credits_bought, currencies, fees)
def test_a_dispute_that_was_won_leaves_its_fees_alone(data: Any, credits: int, currency: str, fee: int) -> None:
    payment = payment_of(credits, currency)
    balance = Balance(data, currency)
    disputed = Money(data.draw(st.integers(1, payment.amount.amount_minor)), currency)
    dispute = dispute_of(disputed)
    taken = payment.millicredits * disputed.amount_minor // payment.amount.amount_minor
    sums = total(
        [
            postings.dispute_opened(dispute, payment, millicredits=taken),
            balance.books("dp_1", "adjustment", disputed, sign=-1, fee=fee),
            postings.dispute_reinstated(dispute, payment, millicredits=taken),
            balance.books("dp_1", "adjustment", disputed, sign=1, fee=0),
        ]
    )
    assert {key for key, micros in sums.items() if micros} <= {
        ("stripe_fees", balance.currency),
        ("stripe_balance", balance.currency),
    }
    assert sums["stripe_fees", balance.currency] == micros_of_minor(fee, balance.currency)


@given(st.data(), credits_bought, currencies)
def test_a_refund_that_failed_leaves_what_was_there_before(data: Any, credits: int, currency: str) -> None:
    payment = payment_of(credits, currency)
    refund = refund_of(1, Money(data.draw(st.integers(1, payment.amount.amount_minor)), currency))
    taken = payment.millicredits * refund.amount.amount_minor // payment.amount.amount_minor
    made = postings.refund_made(refund, payment, millicredits=taken)
    undone = postings.refund_undone(refund, payment, millicredits=taken)
    assert not any(total([made, undone]).values())
    assert made.lines and (made.kind, undone.kind) == ("refund_made", "refund_undone")


@given(credits_bought, st.integers(0, 10**9), st.integers(1, 3_000_000))
def test_a_dispute_of_more_than_its_credits_is_lost_at_once_and_no_rounding(
    credits: int, uncovered: int, more_cents: int
) -> None:
    payment = payment_of(credits, "usd")
    dispute = dispute_of(Money(payment.amount.amount_minor + more_cents, "usd"))
    sums = total(
        [
            postings.dispute_opened(dispute, payment, millicredits=payment.millicredits),
            postings.dispute_lost(dispute, uncovered_millicredits=uncovered),
        ],
        credits_side("disputes", -payment.millicredits),
    )
    gap = micros_of_minor(dispute.amount.amount_minor, "usd") - payment.millicredits
    assert sums["dispute_losses", "usd"] == gap + uncovered and not left_in(sums, "rounding", "disputes")
    assert sums["allowance_for_debts", "usd"] == -uncovered


kinds_elsewhere = st.sampled_from(
    [
        ("payout", "payout", "bank"),
        ("payout_failure", "payout_reversal", "bank"),
        ("stripe_fee", "fee", "stripe_fees"),
        ("adjustment", "network_cost", "stripe_fees"),
        ("charge", "charge", "suspense"),
        ("topup", "topup", "suspense"),
    ]
)


@given(kinds_elsewhere, st.integers(-(10**9), 10**9).filter(bool), fees, currencies)
def test_a_transaction_of_no_payment_is_booked_to_where_its_money_went(
    kind: tuple[str, str, str], amount: int, fee: int, currency: str
) -> None:
    stripes, category, account = kind
    found = BalanceTransaction("txn_1", stripes, category, amount, fee, amount - fee, currency, None, AT)
    sums = total([postings.on_balance(found, counter="suspense")])
    assert sums["stripe_balance", currency] == micros_of_minor(amount - fee, currency)
    fees_too = micros_of_minor(fee, currency) if account == "stripe_fees" else 0
    assert sums[account, currency] == fees_too - micros_of_minor(amount, currency)


@given(st.data(), credits_bought, currencies, fees)
def test_money_in_suspense_that_turns_out_to_be_ours_is_as_if_it_had_been_so_at_once(
    data: Any, credits: int, currency: str, fee: int
) -> None:
    payment = payment_of(credits, currency)
    settled_in = data.draw(currencies)
    found = transaction("ch_1", "charge", payment.amount.amount_minor, fee, settled_in)
    at_once = total([postings.on_balance(found, counter="receivables", receivable=payment.amount)])
    by_way = total(
        [
            postings.on_balance(found, counter="suspense", receivable=payment.amount),
            postings.suspense_cleared(found, receivable=payment.amount),
        ]
    )
    assert {key: micros for key, micros in by_way.items() if micros} == {
        key: micros for key, micros in at_once.items() if micros
    }


@given(st.data(), credits_bought, currencies)
def test_every_posting_sums_to_zero_in_each_currency(data: Any, credits: int, currency: str) -> None:
    payment = payment_of(credits, currency)
    balance = Balance(data, currency)
    taken = data.draw(st.integers(0, payment.millicredits))
    for posting in (
        postings.payment_received(payment),
        postings.refund_made(refund_of(1, payment.amount), payment, millicredits=taken),
        postings.dispute_opened(dispute_of(payment.amount), payment, millicredits=taken),
        postings.dispute_lost(dispute_of(payment.amount), uncovered_millicredits=taken),
        balance.books("ch_1", "charge", payment.amount, sign=1, fee=data.draw(fees)),
    ):
        assert not any(balances(posting.lines).values())


@given(st.integers(-(10**12), 10**12), st.sampled_from([*CURRENCIES, "krw", "kwd", "cad"]))
def test_minor_units_survive_the_way_through_micros(amount: int, currency: str) -> None:
    assert money_of(micros_of_minor(amount, currency), currency) == Money(amount, currency)
