"""The states of disputes and refunds, without I/O."""

import pytest

from deploy.stripe_sandbox.domain import cards, disputes, refunds
from deploy.stripe_sandbox.domain.disputes import Complaint
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from tests.unit.stripe_sandbox.test_api_versions import NOW, charge, refund

ALL = (
    *("needs_response", "under_review", "won", "lost"),
    *("warning_needs_response", "warning_under_review", "warning_closed"),
)
DAY = 24 * 3600


def dispute_in(status: str) -> Json:
    complaint = Complaint(500, "fraudulent", inquiry=status.startswith("warning"))
    return {**disputes.new_dispute("du_1", charge=charge(), complaint=complaint, now=NOW), "status": status}


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize("end", ["won", "lost", "warning_closed"])
def test_dispute_ends_once_and_an_inquiry_only_closed(status: str, end: str) -> None:
    allowed = {"needs_response", "under_review"} if end != "warning_closed" else disputes.WARNINGS
    if status in allowed:
        assert disputes.decided(dispute_in(status), end)["status"] == end
    else:
        with pytest.raises(StripeError):
            disputes.decided(dispute_in(status), end)


@pytest.mark.parametrize("status", ALL)
def test_evidence_is_heard_until_it_was_submitted(status: str) -> None:
    if status in disputes.ANSWERABLE:
        after = disputes.answered(dispute_in(status), {"customer_name": "Ada"}, submit=True)
        assert after["status"] == status.replace("needs_response", "under_review")
    else:
        with pytest.raises(StripeError):
            disputes.answered(dispute_in(status), {}, submit=True)


@pytest.mark.parametrize("status", ALL)
def test_only_an_inquiry_is_escalated_and_then_takes_the_refund_away(status: str) -> None:
    if status in disputes.WARNINGS:
        after = disputes.escalated(dispute_in(status))
        assert (after["status"], after["is_charge_refundable"]) == ("needs_response", False)
        assert after["payment_method_details"]["card"]["case_type"] == "chargeback"
    else:
        with pytest.raises(StripeError):
            disputes.escalated(dispute_in(status))


def test_there_are_whole_days_to_answer() -> None:
    due = dispute_in("needs_response")["evidence_details"]["due_by"]
    assert (due + 1) % DAY == 0
    assert 8 * DAY <= due + 1 - NOW <= 9 * DAY
    assert disputes.dispute_at(dispute_in("needs_response"), now=due + 1)["evidence_details"]["past_due"]
    assert not disputes.dispute_at(dispute_in("needs_response"), now=due)["evidence_details"]["past_due"]


@pytest.mark.parametrize(("currency", "fee"), [("usd", 1500), ("eur", 1500), ("jpy", 1500), ("bhd", 6000)])
def test_dispute_fee_fits_the_currency(currency: str, fee: int) -> None:
    assert disputes.fee_minor(currency) == fee


@pytest.mark.parametrize(
    ("change", "amount", "earlier"),
    [
        ({"status": "failed"}, 500, []),
        ({"captured": False}, 500, []),
        ({}, 501, []),
        ({}, 0, []),
        ({"amount_refunded": 400}, 101, []),
        ({}, 500, ["lost"]),
        ({}, 500, ["warning_closed", "needs_response"]),
    ],
)
def test_what_was_not_taken_or_is_gone_is_not_disputed(change: Json, amount: int, earlier: list[str]) -> None:
    known = [{"status": status} for status in earlier]
    with pytest.raises(StripeError):
        disputes.check_disputable({**charge(), **change}, Complaint(amount, "general"), earlier=known)


def test_refund_fails_once_and_late_but_never_succeeds_again() -> None:
    failed = refunds.failed(refund(), reason="unknown", transaction_id="txn_1")
    assert (failed["status"], failed["failure_reason"]) == ("failed", "unknown")
    with pytest.raises(StripeError):
        refunds.failed(failed, reason="unknown", transaction_id="txn_2")
    for over in (refund(), failed):
        with pytest.raises(StripeError):
            refunds.succeeded(over)
        with pytest.raises(StripeError):
            refunds.canceled(over)


def test_refund_that_waits_says_why() -> None:
    behaviour = cards.PAYS_BUT_REFUND_WAITS
    waits = refunds.new_refund("re_1", charge=charge(), amount_minor=1, given={}, behaviour=behaviour, now=NOW)
    assert (waits["status"], waits["pending_reason"]) == ("pending", "processing")
    assert "pending_reason" not in refunds.succeeded(waits)


@pytest.mark.parametrize(
    ("currency", "asked", "left", "text"),
    [
        ("usd", 501, 500, r"\(\$5.01\) .* \(\$5.00\)"),
        ("jpy", 501, 500, r"\(¥501\) .* \(¥500\)"),
        ("bhd", 510, 500, r"\(0.510 BHD\) .* \(0.500 BHD\)"),
        ("bhd", 11, 500, "three-decimal"),
    ],
)
def test_refund_beyond_the_rest_says_both_amounts(currency: str, asked: int, left: int, text: str) -> None:
    some = {**charge(), "currency": currency, "amount_captured": left}
    with pytest.raises(StripeError, match=text):
        refunds.amount_to_refund(some, asked, disputed=False)


def test_uncaptured_charge_is_not_refunded() -> None:
    with pytest.raises(StripeError) as refused:
        refunds.check_captured({**charge(), "captured": False})
    assert refused.value.code == "charge_not_refundable"
