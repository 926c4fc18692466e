"""What is asked of Stripe because of what a subscription has become."""

from dataclasses import replace

from services.billing.domain.subscriptions.deeds import Deed, DeedKind, deed_of_end, deeds_wanted
from services.billing.domain.subscriptions.standing import with_license_revoked
from services.billing.domain.subscriptions.subscription import Returned, SubscriptionState
from tests.unit.billing_subscriptions.states import (
    BEGIN,
    DAY,
    END,
    NEXT_END,
    SECOND,
    a_state,
    after,
    an_invoice,
    unpaid,
)


def wanted(state: SubscriptionState, returned: Returned = Returned()) -> list[str]:  # noqa: B008
    return [deed.key for deed in deeds_wanted(after(state, returned=returned, now=BEGIN + DAY), state)]


def test_nothing_is_wanted_of_what_goes_well() -> None:
    assert wanted(a_state()) == []
    assert wanted(a_state(card_id="pm_1", default_card_id="pm_2")) == []


def test_what_ended_here_is_ended_at_stripe() -> None:
    assert wanted(a_state(), Returned(lost=True)) == ["cancel:sub_stripe"]
    assert wanted(a_state(), Returned(refunded_invoices=frozenset({"in_1"}))) == ["cancel:sub_stripe"]
    assert wanted(a_state(status="canceled", ended_at=BEGIN), Returned(lost=True)) == []


def test_what_ends_with_its_license_is_ended_at_stripe_and_paid_for_no_more() -> None:
    ended = with_license_revoked(after(a_state()), at=BEGIN + DAY)
    deed = deed_of_end(ended)
    assert deed is not None and deed.key == "cancel:sub_stripe"
    assert deed_of_end(replace(ended, stripe_subscription_id=None)) is None
    late = a_state(an_invoice("in_2", paid_at=BEGIN + DAY + SECOND), an_invoice(), status="canceled")
    assert [each.key for each in deeds_wanted(ended, late)] == ["refund:in_2"]


def test_open_invoices_of_what_ended_are_voided_and_drafts_left() -> None:
    ended = a_state(unpaid(), unpaid("in_3", status="draft"), an_invoice(), status="canceled", ended_at=END)
    assert wanted(ended) == ["void:in_2"]


def test_only_what_was_paid_after_the_end_is_refunded() -> None:
    late = an_invoice("in_2", paid_at=END + SECOND, period_end_at=NEXT_END)
    assert wanted(a_state(late, an_invoice(), status="canceled", ended_at=END)) == ["refund:in_2"]
    in_time = replace(late, paid_at=END)
    assert wanted(a_state(in_time, an_invoice(), status="canceled", ended_at=END)) == []
    from_balance = replace(late, paid_minor=0)
    assert wanted(a_state(from_balance, an_invoice(), status="canceled", ended_at=END)) == []


def test_failed_invoice_is_paid_by_a_card_that_was_not_refused() -> None:
    failing = unpaid(failed_card_id="pm_1")
    assert wanted(a_state(failing, an_invoice(), status="past_due", card_id="pm_1", default_card_id="pm_1")) == []
    assert wanted(a_state(failing, an_invoice(), status="past_due")) == []
    fresh = a_state(failing, an_invoice(), status="past_due", card_id="pm_1", default_card_id="pm_2")
    assert wanted(fresh) == ["pay:in_2:pm_2"]
    assert wanted(replace(fresh, card_id="pm_3")) == ["pay:in_2:pm_2"], "who chose a card meant it"
    assert wanted(replace(fresh, default_card_id="pm_1", card_id="pm_3")) == ["pay:in_2:pm_3"]
    assert wanted(replace(fresh, default_card_id=None, card_id="pm_3")) == ["pay:in_2:pm_3"]


def test_card_that_paid_one_page_is_charged_for_nothing_else_at_once() -> None:
    older = unpaid(failed_card_id="pm_1")
    paid = an_invoice("in_3", created_at=NEXT_END, paid_at=NEXT_END + DAY, period_start_at=NEXT_END)
    state = a_state(paid, older, an_invoice(), status="past_due", card_id="pm_2")
    assert wanted(state) == []
    assert wanted(replace(state, default_card_id="pm_3")) == ["pay:in_2:pm_3"], "who chooses one means all"


def test_card_that_may_pay_a_page_is_to_be_kept() -> None:
    off = a_state(unpaid(), an_invoice(), status="past_due", keeps_card=False)
    assert wanted(off) == ["keep_card:sub_stripe"]
    assert wanted(replace(off, keeps_card=True)) == []
    assert wanted(a_state(keeps_card=False)) == [], "none but its own pays what goes well"


def test_unpaid_subscription_collects_its_newest_draft_once_what_failed_is_paid() -> None:
    drafts = [unpaid(f"in_{n}", status="draft", attempts=0, created_at=END + n * DAY) for n in (3, 4)]
    paid = an_invoice("in_2", period_start_at=END, period_end_at=NEXT_END)
    assert wanted(a_state(*drafts, paid, an_invoice(), status="unpaid")) == ["collect:in_4"]
    assert wanted(a_state(*drafts, unpaid(), an_invoice(), status="unpaid")) == []


def test_key_names_the_deed() -> None:
    subscription_id = after(a_state()).id
    assert Deed(DeedKind.PAY, subscription_id, "in_1", "pm_1").key == "pay:in_1:pm_1"
    assert Deed(DeedKind.VOID, subscription_id, "in_1").key == "void:in_1"
