"""A dispute's states, what each asks for, and what it covers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.billing.clients.stripe.disputes import read_dispute
from services.billing.domain.books.of_dispute import postings_of
from services.billing.domain.dispute import Dispute, DisputeId, DisputeState
from services.billing.domain.disputing import (
    Step,
    credits_covered,
    disputed_minor,
    heard,
    not_covered,
    opened,
    recorded,
    standing,
    steps_left,
    won,
)
from services.billing.domain.payment import Payment, PaymentId, Status, disputed, undisputed
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WITHDRAWN = BalanceTransaction("txn_1", "adjustment", "dispute", -500, 1500, -2000, "usd", "du_1", NOW)

PAYMENT = Payment(
    id=PaymentId("pay_1"),
    account_id="acct_1",
    type="credits",
    status=Status.SUCCEEDED,
    amount=Money(500, "usd"),
    usd_minor=500,
    millicredits=5_000_000,
    success_url="",
    cancel_url="",
    created_at=NOW,
    expires_at=NOW,
    transfer_id=UUID(int=1),
)

STATE = DisputeState("du_1", "ch_1", "pi_1", Money(500, "usd"), "needs_response", "fraudulent", NOW, ())


def a_dispute(status: str = "needs_response", **more: Any) -> Dispute:
    new = recorded(replace(STATE, status=status), PAYMENT, dispute_id=DisputeId("dsp_1"), at=NOW)
    return replace(new, **more)


@pytest.mark.parametrize(
    ("status", "steps"),
    [
        ("warning_needs_response", ()),
        ("warning_under_review", ()),
        ("warning_closed", ()),
        ("prevented", ()),
        ("needs_response", (Step.OPEN,)),
        ("under_review", (Step.OPEN,)),
        ("lost", (Step.OPEN, Step.LOSE)),
        ("appeal_needs_response", (Step.OPEN, Step.LOSE)),
        ("won", (Step.OPEN, Step.WIN)),
    ],
)
def test_state_that_is_heard_of_first_asks_for_all_that_led_to_it(status: str, steps: tuple[Step, ...]) -> None:
    assert steps_left(a_dispute(status)) == steps


def test_inquiry_that_becomes_a_dispute_opens_and_one_that_ends_does_nothing() -> None:
    inquiry = a_dispute("warning_under_review")
    assert steps_left(heard(inquiry, STATE)) == (Step.OPEN,)
    assert steps_left(heard(inquiry, replace(STATE, status="warning_closed"))) == ()


def test_late_state_changes_nothing_but_tells_of_moved_money() -> None:
    after = heard(a_dispute("won"), replace(STATE, transactions=(WITHDRAWN,)))
    assert (after.status, after.withdrawn_at) == ("won", NOW)


def test_appeal_of_a_lost_dispute_may_win_it() -> None:
    lost = a_dispute("lost", opened_at=NOW, lost_at=NOW, millicredits=5, taken_by=UUID(int=2))
    assert not lost.freezes and lost.keeps
    appealed = heard(lost, replace(STATE, status="appeal_under_review"))
    assert steps_left(appealed) == ()
    assert steps_left(heard(appealed, replace(STATE, status="lost"))) == ()
    assert steps_left(heard(appealed, replace(STATE, status="won"))) == (Step.WIN,)


def test_opened_dispute_that_was_prevented_or_closed_gives_back() -> None:
    open_one = a_dispute(opened_at=NOW)
    assert open_one.freezes
    assert steps_left(heard(open_one, replace(STATE, status="prevented"))) == (Step.WIN,)


def test_due_date_and_reason_follow_the_latest_state() -> None:
    later = NOW + timedelta(days=9)
    after = heard(a_dispute(), replace(STATE, status="under_review", due_by=later, reason="duplicate"))
    assert (after.due_by, after.reason) == (later, "duplicate")


def test_part_of_a_payment_covers_its_share_rounded_down() -> None:
    payment = replace(PAYMENT, millicredits=1_000)
    assert credits_covered(payment, 1, []) == 2
    assert credits_covered(payment, 499, []) == 998
    assert credits_covered(payment, 500, []) == 1_000


def test_refunds_and_other_disputes_leave_the_rest() -> None:
    refunded = replace(PAYMENT, millicredits=1_001, refunded_minor=250)
    assert credits_covered(refunded, 500, []) == 501
    other = a_dispute(amount=Money(125, "usd"), opened_at=NOW, millicredits=250, taken_by=UUID(int=2))
    assert credits_covered(refunded, 125, [other]) == 251
    assert credits_covered(refunded, 125, [won(other, restored_by=UUID(int=3), at=NOW)]) == 250
    assert credits_covered(replace(refunded, refunded_minor=500), 500, []) == 0


def test_disputed_amount_is_never_more_than_the_payment_and_all_of_it_in_another_currency() -> None:
    assert disputed_minor(replace(STATE, amount=Money(507, "usd")), PAYMENT) == 500
    assert disputed_minor(replace(STATE, amount=Money(3, "eur")), PAYMENT) == 500
    assert disputed_minor(replace(STATE, amount=Money(3, "usd")), PAYMENT) == 3


@pytest.mark.parametrize(("before", "missing"), [(9, 0), (5, 0), (3, 2), (0, 5), (-4, 5)])
def test_what_the_wallet_did_not_have_is_not_covered(before: int, missing: int) -> None:
    assert not_covered(5, balance_before=before) == missing


def test_lost_dispute_books_what_was_not_covered_and_one_that_is_covered_no_loss() -> None:
    lost = a_dispute(
        "lost",
        opened_at=NOW,
        lost_at=NOW,
        withdrawn_at=NOW,
        millicredits=5_000_000,
        uncovered_millicredits=2_000_000,
        taken_by=UUID(int=2),
    )
    opening, loss = postings_of(lost, STATE, PAYMENT)
    assert {line.ledger_account: line.micros for line in opening.lines} == {
        "receivables": -5_000_000,
        "disputes": 5_000_000,
    }
    assert {line.ledger_account: line.micros for line in loss.lines} == {
        "dispute_losses": 2_000_000,
        "allowance_for_debts": -2_000_000,
    }
    [_, nothing] = postings_of(replace(lost, uncovered_millicredits=0), STATE, PAYMENT)
    assert nothing.lines == ()


def test_payment_comes_back_from_a_dispute_as_its_refunds_leave_it() -> None:
    assert undisputed(disputed(PAYMENT)).status is Status.SUCCEEDED
    assert undisputed(disputed(replace(PAYMENT, refunded_minor=1))).status is Status.PARTIALLY_REFUNDED
    assert undisputed(disputed(replace(PAYMENT, refunded_minor=500))).status is Status.REFUNDED


def test_step_that_was_booked_is_not_booked_again() -> None:
    dispute = opened(a_dispute(), taken=5, uncovered=0, taken_by=UUID(int=2), at=NOW)
    with pytest.raises(AssertionError):
        opened(dispute, taken=5, uncovered=0, taken_by=UUID(int=3), at=NOW)
    given_back = won(dispute, restored_by=UUID(int=4), at=NOW)
    with pytest.raises(AssertionError):
        won(given_back, restored_by=UUID(int=5), at=NOW)


def test_account_with_an_open_or_lost_dispute_is_disputed_whatever_its_balance() -> None:
    assert standing(frozen_reason=None, marked=False) == "good"
    assert standing(frozen_reason="negative_balance", marked=False) == "negative_balance"
    assert standing(frozen_reason="negative_balance", marked=True) == "disputed"
    assert standing(frozen_reason="dispute", marked=False) == "disputed"


def test_stripes_answer_is_read_with_an_expanded_charge_or_with_its_id_alone() -> None:
    raw = {
        "id": "du_1",
        "amount": 500,
        "currency": "usd",
        "status": "needs_response",
        "reason": "fraudulent",
        "payment_intent": None,
        "evidence_details": {"due_by": int(NOW.timestamp())},
        "balance_transactions": [
            {
                "id": "txn_1",
                "type": "adjustment",
                "reporting_category": "dispute",
                "amount": -500,
                "fee": 1500,
                "net": -2000,
                "currency": "usd",
                "source": "du_1",
                "created": int(NOW.timestamp()),
            }
        ],
        "charge": {
            "id": "ch_1",
            "payment_intent": "pi_1",
            "metadata": {"payment_id": "pay_1"},
            "payment_method_details": {"type": "card", "card": {"fingerprint": "f1ngerprint"}},
        },
    }
    read = read_dispute(raw)
    assert read == replace(STATE, transactions=(WITHDRAWN,), payment_id="pay_1", card_fingerprint="f1ngerprint")
    bare = read_dispute({**raw, "charge": "ch_1", "evidence_details": {"due_by": None}})
    assert (bare.charge_id, bare.intent_id, bare.card_fingerprint, bare.due_by) == ("ch_1", None, None, None)
