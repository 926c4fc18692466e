"""What an account is told, when, and in which words."""

from dataclasses import replace
from datetime import datetime

import pytest

from services.billing.domain.subscriptions.mail_words import day_of, in_words, words_of
from services.billing.domain.subscriptions.notices import (
    Notice,
    NoticeKind,
    next_look,
    notices_of_change,
    notices_of_end,
    notices_of_time,
)
from services.billing.domain.subscriptions.standing import with_license_revoked
from services.billing.domain.subscriptions.subscription import Subscription, SubscriptionState
from shared.contracts.mails import VALUES
from shared.money import Money
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
    unpaid,
)

ACTIVE = after(a_state())
RENEWED = an_invoice("in_2", period_start_at=END, period_end_at=NEXT_END, created_at=END, paid_at=END)


def told(before: Subscription, state: SubscriptionState, *, now: datetime = END) -> list[Notice]:
    return list(notices_of_change(before, after(state, before=replace(before, asked_at=None), now=now), state))


def kinds(notices: list[Notice]) -> list[str]:
    return [notice.kind.value for notice in notices]


def test_beginning_is_told_by_nobody_here() -> None:
    assert told(NEW, a_state()) == []
    refused = unpaid("in_1", created_at=BEGIN, period_start_at=BEGIN, period_end_at=END)
    assert told(NEW, a_state(refused, status="incomplete")) == []
    assert told(NEW, a_state(refused, status="incomplete_expired")) == []


def test_failures_that_were_slept_through_are_told_one_by_one() -> None:
    failing = a_state(unpaid(attempts=3), an_invoice(), status="past_due")
    notices = told(ACTIVE, failing)
    assert kinds(notices) == [*["payment_failed"] * 3, "subscription_suspended"]
    assert [notice.failure for notice in notices[:3]] == [1, 2, 3]
    assert len({notice.key for notice in notices}) == 4
    second = after(a_state(unpaid(attempts=2), an_invoice(), status="past_due"), before=replace(ACTIVE, asked_at=None))
    assert kinds(told(second, failing)) == ["payment_failed", "subscription_suspended"]


def test_receipt_follows_a_payment_that_moved_the_end() -> None:
    notices = told(ACTIVE, a_state(RENEWED, an_invoice()))
    assert kinds(notices) == ["subscription_renewed"] and notices[0].key == "renewed:in_2"
    assert notices[0].at == NEXT_END
    assert told(ACTIVE, a_state(an_invoice("in_9", period_end_at=None), an_invoice())) == []


def test_restoring_is_told_once_and_no_receipt_says_that_what_is_suspended_is_renewed() -> None:
    late = after(a_state(unpaid(attempts=3), an_invoice(), status="past_due"), before=replace(ACTIVE, asked_at=None))
    paid = replace(RENEWED, paid_at=END + 9 * DAY)
    assert kinds(told(late, a_state(paid, an_invoice()))) == ["subscription_restored"]
    newer = unpaid("in_3", attempts=1, created_at=NEXT_END, period_start_at=NEXT_END, period_end_at=NEXT_END + 31 * DAY)
    still = a_state(newer, replace(paid, paid_at=NEXT_END + DAY), an_invoice(), status="past_due")
    assert "subscription_renewed" not in kinds(told(late, still, now=NEXT_END + DAY))


def test_later_invoices_that_fail_while_it_is_suspended_are_not_told() -> None:
    open_one = unpaid(attempts=3)
    failing = a_state(open_one, an_invoice(), status="past_due")
    late = after(failing, before=replace(ACTIVE, asked_at=None), now=END + 5 * DAY)
    newer = unpaid("in_3", attempts=4, created_at=NEXT_END, period_start_at=NEXT_END, period_end_at=NEXT_END + 31 * DAY)
    assert told(late, a_state(newer, open_one, an_invoice(), status="past_due"), now=NEXT_END + 9 * DAY) == []
    again = a_state(replace(open_one, attempts=4), an_invoice(), status="past_due")
    assert kinds(told(late, again, now=END + 6 * DAY)) == ["payment_failed"]


def test_going_on_after_a_planned_end_is_told() -> None:
    planned = after(a_state(cancel_at_period_end=True), before=replace(ACTIVE, asked_at=None))
    assert kinds(told(planned, a_state(), now=BEGIN + DAY)) == ["subscription_goes_on"]
    assert told(planned, a_state(status="canceled", ended_at=END)) == []


def test_failed_payment_says_why_in_words_where_the_bank_did() -> None:
    for code, why in {"expired_card": "the card has expired", "fraudulent": "", None: ""}.items():
        notice = Notice(NoticeKind.PAYMENT_FAILED, "key", failure=1, invoice=unpaid(decline_code=code))
        assert words_of(notice, ACTIVE, "License", RULES)["why"] == why


def test_end_is_told_once_however_it_was_announced() -> None:
    canceling = a_state(cancel_at_period_end=True)
    assert kinds(told(ACTIVE, canceling)) == ["subscription_canceled"]
    planned = after(canceling, before=replace(ACTIVE, asked_at=None))
    assert told(planned, a_state(status="canceled", ended_at=END)) == []
    assert kinds(told(ACTIVE, a_state(status="canceled", ended_at=BEGIN))) == ["subscription_canceled"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (END - DAY - SECOND, []),
        (END - DAY, ["renewal_upcoming"]),
        (END - SECOND, ["renewal_upcoming"]),
        (END, []),
    ],
)
def test_renewal_is_told_within_its_day(now: datetime, expected: list[str]) -> None:
    assert kinds(list(notices_of_time(ACTIVE, now=now, rules=RULES))) == expected
    canceling = replace(ACTIVE, cancel_at_period_end=True)
    assert list(notices_of_time(canceling, now=now, rules=RULES)) == []
    assert list(notices_of_time(replace(ACTIVE, paused_at=BEGIN), now=now, rules=RULES)) == []


def test_trials_end_is_told_within_its_days() -> None:
    free = an_invoice(total_minor=0, paid_minor=0)
    trial = after(a_state(free, status="trialing", trial_ends_at=END))
    assert kinds(list(notices_of_time(trial, now=END - 3 * DAY, rules=RULES))) == ["trial_ending"]
    assert list(notices_of_time(trial, now=END - 3 * DAY - SECOND, rules=RULES)) == []


def test_next_look_is_hourly_and_at_every_boundary_of_its_own() -> None:
    assert next_look(ACTIVE, now=BEGIN, rules=RULES) == BEGIN + HOUR
    for boundary in (END - 3 * DAY, END - DAY, END, END + RULES.grace):
        assert next_look(ACTIVE, now=boundary - SECOND, rules=RULES) == boundary
        assert next_look(ACTIVE, now=boundary, rules=RULES) == boundary + HOUR
    ended = after(a_state(status="canceled", ended_at=BEGIN))
    assert next_look(ended, now=END, rules=RULES) is None


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_each_notice_says_what_its_template_needs(kind: NoticeKind) -> None:
    failing = after(a_state(unpaid(attempts=1), an_invoice(), status="past_due"), now=END)
    for notice in (Notice(kind, "key", failure=1, invoice=unpaid(), at=END), Notice(kind, "key", failure=1)):
        for subscription in (ACTIVE, failing, after(a_state(status="canceled", ended_at=END))):
            words = words_of(notice, subscription, "License", RULES)
            assert words.keys() == VALUES[kind.value] and words["plan"] == "License"


def test_amounts_and_days_are_words() -> None:
    amounts = {(2500, "usd"): "25.00 USD", (123456, "eur"): "1,234.56 EUR", (500, "jpy"): "500 JPY"}
    assert {pair: in_words(Money(*pair)) for pair in amounts} == amounts
    assert in_words(Money(1005, "bhd")) == "1.005 BHD" and in_words(Money(-5, "usd")) == "-0.05 USD"
    assert day_of(END) == "1 February 2027" and day_of(None) == ""


def test_failed_payment_says_until_when_the_license_lives() -> None:
    invoice = unpaid(next_attempt_at=END + DAY, page_url="https://pay")
    notice = Notice(NoticeKind.PAYMENT_FAILED, "key", failure=1, invoice=invoice)
    failing = after(a_state(invoice, an_invoice(), status="past_due"), now=END)
    words = words_of(notice, failing, "License", RULES)
    assert (words["next_try"], words["until"], words["pay_link"]) == (
        "2 February 2027",
        "4 February 2027",
        "https://pay",
    )
    suspended = after(a_state(replace(invoice, attempts=3), an_invoice(), status="past_due"), now=END)
    assert words_of(notice, suspended, "License", RULES)["until"] == ""


def test_end_with_the_license_is_told_though_another_was_announced() -> None:
    for before in (ACTIVE, after(a_state(cancel_at_period_end=True))):
        ended = replace(with_license_revoked(before, at=BEGIN + DAY), version=7)
        assert [notice.key for notice in notices_of_end(before, ended)] == ["canceled:7"]
        assert kinds(list(notices_of_end(ended, ended))) == []
