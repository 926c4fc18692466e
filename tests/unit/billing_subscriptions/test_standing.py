"""The table of states, row by row and at its boundaries."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.billing.domain.subscriptions.standing import differs, judged, with_license_revoked
from services.billing.domain.subscriptions.subscription import PAUSED_AT, Returned, Standing
from tests.unit.billing_subscriptions.states import (
    BEGIN,
    DAY,
    END,
    HOUR,
    NEW,
    NEXT_END,
    RULES,
    SECOND,
    a_state,
    after,
    an_invoice,
    says,
    unpaid,
)

GOOD = ("active", "good", None)
FAILED = ("suspended", "suspended", "payment_failed")
GRACE_OVER = ("suspended", "suspended", "grace_over")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", GOOD),
        ("past_due", ("past_due", "good", None)),
        ("unpaid", FAILED),
        ("paused", ("paused", "suspended", "paused")),
        ("canceled", ("canceled", "revoked", "canceled")),
        ("incomplete_expired", ("expired", "void", "never_paid")),
    ],
)
def test_paid_subscription_stands_as_stripe_says(status: str, expected: tuple[str, str, str | None]) -> None:
    assert says(after(a_state(status=status))) == expected


def test_nothing_paid_is_pending_and_canceled_so_is_void() -> None:
    first = unpaid("in_1", created_at=BEGIN, period_start_at=BEGIN, period_end_at=END)
    assert says(after(a_state(first, status="incomplete"))) == ("incomplete", "pending", "never_paid")
    assert says(after(a_state(replace(first, status="void"), status="canceled"))) == ("canceled", "void", "never_paid")
    assert says(after(a_state(replace(first, status="draft", attempts=0)))) == ("active", "pending", "never_paid")


def test_free_invoice_adds_no_period_and_a_trial_does() -> None:
    free = an_invoice(total_minor=0, paid_minor=0)
    assert after(a_state(free)).expires_at is None
    trial = a_state(free, status="trialing", trial_ends_at=BEGIN + 7 * DAY)
    assert says(after(trial)) == ("trialing", "good", None) and after(trial).expires_at == BEGIN + 7 * DAY
    paid = a_state(an_invoice("in_2"), free, trial_ends_at=BEGIN + 7 * DAY)
    assert after(trial, paid).expires_at == END


def test_period_that_a_discount_takes_to_nothing_is_given() -> None:
    given = an_invoice(total_minor=0, paid_minor=0, discount_minor=2_500)
    became = after(a_state(given))
    assert says(became) == ("active", "good", None) and became.expires_at == END
    trial = an_invoice(total_minor=0, paid_minor=0)
    began = a_state(given, trial, trial_ends_at=BEGIN + 7 * DAY)
    assert after(began).expires_at == END


def test_period_that_a_credit_balance_paid_is_paid() -> None:
    became = after(a_state(an_invoice(paid_minor=0, attempts=0, intent_id=None)))
    assert says(became) == ("active", "good", None) and became.expires_at == END


def test_revoked_license_ends_it_for_good() -> None:
    for before in (after(a_state()), after(a_state(unpaid(attempts=3), an_invoice()), now=END)):
        ended = with_license_revoked(before, at=BEGIN + DAY)
        assert says(ended) == ("canceled", "revoked", "license_revoked")
        assert (ended.canceled_at, ended.suspended_at) == (BEGIN + DAY, None)
        assert with_license_revoked(ended, at=END) == ended
        renewed = a_state(an_invoice("in_2", period_start_at=END, period_end_at=NEXT_END), an_invoice(), asked_at=END)
        assert says(after(renewed, before=replace(ended, asked_at=None), now=END)) == says(ended)


def test_shorter_plan_ends_the_longer_period_whose_money_was_credited() -> None:
    """A year is changed for a month: the change's invoice is negative, since most of the year is given back."""
    year = an_invoice(period_end_at=BEGIN + 365 * DAY)
    month = an_invoice(
        "in_2", total_minor=-21_500, paid_minor=0, period_start_at=BEGIN + 5 * DAY, period_end_at=BEGIN + 36 * DAY
    )
    assert after(a_state(month, year)).expires_at == BEGIN + 36 * DAY


def test_proration_and_void_invoices_extend_nothing() -> None:
    proration = an_invoice("in_2", period_start_at=None, period_end_at=None)
    void = an_invoice("in_3", status="void", period_end_at=NEXT_END)
    assert after(a_state(proration, void, an_invoice())).expires_at == END


@pytest.mark.parametrize("attempts", [1, 2, 3, 4])
def test_failures_of_one_invoice_suspend_at_the_third(attempts: int) -> None:
    state = a_state(unpaid(attempts=attempts), an_invoice(), status="past_due")
    judged_now = after(state, now=END + HOUR)
    assert says(judged_now) == (("past_due", "good", None) if attempts < 3 else FAILED)
    assert judged_now.payment_failures == attempts and judged_now.expires_at == END


def test_grace_ends_on_its_second() -> None:
    state = a_state(unpaid(), an_invoice(), status="past_due")
    ends_at = END + RULES.grace
    assert says(after(state, now=ends_at - SECOND))[1] == "good"
    assert says(after(state, now=ends_at)) == GRACE_OVER
    assert says(after(state, now=ends_at + SECOND)) == GRACE_OVER


@pytest.mark.parametrize(
    ("end", "now", "standing"),
    [
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 2, 23, 59, 59, tzinfo=UTC), "good"),
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 3, tzinfo=UTC), "suspended"),
        (datetime(2027, 2, 28, tzinfo=UTC), datetime(2027, 3, 2, 23, 59, 59, tzinfo=UTC), "good"),
        (datetime(2027, 2, 28, tzinfo=UTC), datetime(2027, 3, 3, tzinfo=UTC), "suspended"),
        (datetime(2027, 1, 31, tzinfo=UTC), datetime(2027, 2, 3, tzinfo=UTC), "suspended"),
        (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), datetime(2027, 3, 31, 0, 29, 59, tzinfo=UTC), "good"),
        (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), datetime(2027, 3, 31, 0, 30, tzinfo=UTC), "suspended"),
    ],
)
def test_grace_knows_leap_days_months_ends_and_no_daylight_saving(end: datetime, now: datetime, standing: str) -> None:
    paid = an_invoice(period_end_at=end)
    late = unpaid(created_at=end, period_start_at=end, period_end_at=end + 31 * DAY)
    assert says(after(a_state(late, paid, status="past_due"), now=now))[1] == standing


def test_invoice_that_is_being_drawn_up_is_no_failure() -> None:
    draft = unpaid(attempts=0, status="draft")
    assert says(after(a_state(draft, an_invoice()), now=END + HOUR)) == GOOD


def test_late_payment_counts_from_the_old_boundary_and_restores() -> None:
    failing = a_state(unpaid(attempts=3), an_invoice(), status="past_due")
    paid = an_invoice(
        "in_2", period_start_at=END, period_end_at=NEXT_END, attempts=3, created_at=END, paid_at=END + DAY
    )
    suspended = after(failing, now=END + DAY)
    assert suspended.suspended_at == END + DAY
    restored = after(failing, a_state(paid, an_invoice()), now=END + DAY)
    assert says(restored) == GOOD and restored.expires_at == NEXT_END and restored.suspended_at is None


@pytest.mark.parametrize("looked_between", [True, False])
def test_one_of_two_unpaid_invoices_restores_nothing_looked_at_or_not(looked_between: bool) -> None:
    old, new = (
        unpaid(attempts=3),
        unpaid("in_3", created_at=NEXT_END, period_start_at=NEXT_END, period_end_at=NEXT_END + 31 * DAY),
    )
    now = NEXT_END + 2 * HOUR
    paid = replace(old, status="paid", paid_minor=2500, paid_at=now)
    states = [a_state(new, paid, an_invoice(), status="past_due")]
    if looked_between:
        states.insert(0, a_state(new, old, an_invoice(), status="past_due"))
    assert says(after(*states, now=now)) == FAILED
    all_paid = a_state(replace(new, status="paid", paid_at=now), paid, an_invoice())
    assert says(after(*states, all_paid, now=now)) == GOOD


def test_old_debt_suspends_though_the_newest_period_is_paid() -> None:
    old = unpaid(attempts=1)
    newest = an_invoice(
        "in_3", created_at=NEXT_END, period_start_at=NEXT_END, period_end_at=NEXT_END + 31 * DAY, paid_at=NEXT_END
    )
    state = a_state(newest, old, an_invoice(), status="active")
    assert says(after(state, now=NEXT_END + HOUR)) == GRACE_OVER


def test_disputes_suspend_and_decide() -> None:
    state = a_state()
    assert says(after(state, returned=Returned(disputed=True))) == ("suspended", "suspended", "dispute")
    won = after(state, before=after(state, returned=Returned(disputed=True)))
    assert says(won) == GOOD
    lost = after(state, returned=Returned(lost=True), now=BEGIN + DAY)
    assert says(lost) == ("canceled", "revoked", "dispute_lost") and lost.canceled_at == BEGIN + DAY
    assert says(after(state, before=lost)) == says(lost)


def test_running_period_that_went_back_whole_revokes_and_an_old_one_does_not() -> None:
    whole = Returned(refunded_invoices=frozenset({"in_1"}))
    assert says(after(a_state(), returned=whole, now=END - SECOND)) == ("canceled", "revoked", "refunded")
    renewed = a_state(an_invoice("in_2", period_start_at=END, period_end_at=NEXT_END, created_at=END), an_invoice())
    assert says(after(renewed, returned=whole, now=END + DAY)) == GOOD


def test_own_pause_is_good_until_what_is_paid_is_used_up() -> None:
    paused = replace(NEW, paused_at=BEGIN)
    assert says(after(a_state(collection_paused=True), before=paused, now=END - SECOND)) == ("paused", "good", None)
    assert says(after(a_state(collection_paused=True), before=paused, now=END)) == ("paused", "suspended", "paused")
    assert says(after(a_state(collection_paused=True), now=END + DAY)) == GOOD


def test_pause_is_ours_as_far_as_stripe_carries_it() -> None:
    ours = {PAUSED_AT: (BEGIN + DAY).isoformat()}
    told = after(a_state(collection_paused=True, metadata=ours))
    assert (says(told), told.paused_at) == (("paused", "good", None), BEGIN + DAY)
    for over in (a_state(metadata=ours), a_state()):
        resumed = after(over, before=replace(told, asked_at=None))
        assert (says(resumed), resumed.paused_at) == (GOOD, None)
    for other in ("", "yesterday", "2027-01-01T12:00:00"):
        assert says(after(a_state(collection_paused=True, metadata={PAUSED_AT: other}))) == GOOD


def test_what_has_ended_stays_so() -> None:
    ended = after(a_state(status="canceled", ended_at=BEGIN + DAY), now=BEGIN + DAY)
    for status in ("active", "past_due", "unpaid", "trialing", "incomplete_expired"):
        revived = after(a_state(status=status), before=replace(ended, asked_at=None))
        assert says(revived) == says(ended) and revived.expires_at == ended.expires_at
    assert ended.standing is Standing.REVOKED and ended.canceled_at == BEGIN + DAY


def test_state_that_was_asked_for_earlier_changes_nothing() -> None:
    known = judged(NEW, a_state(asked_at=BEGIN + DAY), Returned(), now=BEGIN, rules=RULES)
    late = a_state(status="canceled", asked_at=BEGIN + DAY - SECOND)
    assert judged(known, late, Returned(), now=BEGIN, rules=RULES) is known


def test_notes_of_our_own_are_no_change() -> None:
    known = after(a_state())
    assert not differs(known, replace(known, asked_at=END, check_at=END, version=9))
    assert differs(known, replace(known, cancel_at_period_end=True))
