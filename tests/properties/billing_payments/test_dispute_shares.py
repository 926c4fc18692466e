"""What disputes have of a payment follows from its refunds, in whatever order these came and failed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.books.posting import MoneyPosting
from services.billing.domain.books.postings import dispute_lost, dispute_opened
from services.billing.domain.dispute import Dispute, DisputeId
from services.billing.domain.dispute_shares import moves_due, posting_of_move, taken_by
from services.billing.domain.disputing import credits_covered, lost, opened, recorded
from services.billing.domain.payment import Payment
from tests.properties.billing_payments.test_disputing import NOW, a_payment, a_state

PAID = 1_000
REFUNDED = st.lists(st.integers(0, PAID), min_size=1, max_size=5)


def a_dispute(number: int, amount: int, payment: Payment, others: list[Dispute]) -> Dispute:
    state = a_state("needs_response", 1, amount=amount, dispute_id=f"du_{number}")
    new = recorded(state, payment, dispute_id=DisputeId(f"dsp_{number}"), at=NOW)
    taken, at = credits_covered(payment, amount, others), NOW + timedelta(minutes=number)
    return opened(replace(new, withdrawn_at=NOW), taken=taken, uncovered=0, taken_by=uuid4() if taken else None, at=at)


def put_right(payment: Payment, disputes: list[Dispute]) -> list[Dispute]:
    changed = {move.after.id: taken_by(move, uuid4()) for move in moves_due(payment, disputes)}
    return [changed.get(each.id, each) for each in disputes]


def micros(postings: Iterable[MoneyPosting]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for posting in postings:
        for line in posting.lines:
            sums[line.ledger_account] += line.micros
    return {account: amount for account, amount in sums.items() if amount}


@given(st.integers(1, 10**9), st.lists(st.integers(1, PAID), min_size=1, max_size=3), REFUNDED, st.integers(0, PAID))
def test_shares_follow_from_what_is_refunded_in_the_end(
    millicredits: int, amounts: list[int], refunded: list[int], at_first: int
) -> None:
    payment = a_payment(paid=PAID, millicredits=millicredits, refunded=at_first)
    disputes: list[Dispute] = []
    for number, amount in enumerate(amounts):
        disputes.append(a_dispute(number, amount, payment, disputes))
    for minor in refunded:
        payment = replace(payment, refunded_minor=minor)
        disputes = put_right(payment, disputes)
        assert put_right(payment, disputes) == disputes

    directly: list[Dispute] = []
    for number, amount in enumerate(amounts):
        directly.append(a_dispute(number, amount, payment, directly))
    assert [each.millicredits for each in disputes] == [each.millicredits for each in directly]
    had = sum(each.millicredits for each in disputes) + millicredits * payment.refunded_minor // PAID
    assert had <= millicredits
    if sum(amounts) + payment.refunded_minor >= PAID:
        assert had == millicredits


@given(st.integers(1, 10**9), st.integers(1, PAID), REFUNDED, st.integers(0, 10**9), st.booleans())
def test_money_book_ends_as_if_the_share_had_been_right_at_once(
    millicredits: int, amount: int, refunded: list[int], uncovered: int, is_lost: bool
) -> None:
    payment, state = a_payment(paid=PAID, millicredits=millicredits), a_state("lost", 1, amount=amount)
    dispute = a_dispute(1, amount, payment, [])
    dispute = replace(dispute, uncovered_millicredits=min(uncovered, dispute.millicredits))
    booked = [dispute_opened(state, payment, millicredits=dispute.millicredits)]
    if is_lost:
        dispute = lost(dispute, at=NOW)
        booked.append(dispute_lost(state, uncovered_millicredits=dispute.uncovered_millicredits))
    for minor in refunded:
        for move in moves_due(replace(payment, refunded_minor=minor), [dispute]):
            transfer_id = uuid4()
            dispute = taken_by(move, transfer_id)
            posting = posting_of_move(move, transfer_id)
            assert posting is not None
            booked.append(posting)
    as_if = [dispute_opened(state, payment, millicredits=dispute.millicredits)]
    if is_lost:
        as_if.append(dispute_lost(state, uncovered_millicredits=dispute.uncovered_millicredits))
    assert micros(booked) == micros(as_if)


def test_one_whose_money_came_back_is_left_alone() -> None:
    payment = a_payment(paid=PAID, millicredits=5_000, refunded=400)
    dispute = replace(a_dispute(1, PAID, payment, []), reinstated_at=NOW)
    assert list(moves_due(replace(payment, refunded_minor=0), [dispute])) == []
