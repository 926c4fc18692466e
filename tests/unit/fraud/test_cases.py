"""Cases are decided once; what of a payment may be blocked; what labels come to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.fraud.domain.blacklist import digest_of, normal_value
from services.fraud.domain.blocking import PaidWith, entries_against
from services.fraud.domain.case import AlreadyDecided, Case, CaseId
from services.fraud.domain.case_picture import said
from services.fraud.domain.label import Label, Source, label_of_dispute, verdict
from services.fraud.domain.signals import SIGNALS
from shared.errors import Invalid
from shared.ids import new_id

NOW = datetime(2027, 1, 1, tzinfo=UTC)
DUE = NOW + timedelta(hours=24)
CASE = Case(
    id=CaseId(new_id("case", at=NOW)),
    payment_id="pay_1",
    account_id="acct_1",
    kind="held",
    status="open",
    score_hundredths=7_000,
    reasons=(),
    signals={},
    assignee=None,
    created_at=NOW,
    due_at=DUE,
)
DIGEST = "ab" * 32
PAID_WITH = PaidWith("acct_1", email_match=DIGEST, device_id="dev_1", card="fingerprint_1", ip="192.0.2.7")


def _approve(case: Case) -> Case:
    return case.decided("approved", by="acct_boss", at=NOW)


def _reject(case: Case) -> Case:
    return case.decided("rejected", by="acct_boss", at=NOW)


def _close(case: Case) -> Case:
    return case.closed(by="system", at=NOW)


@pytest.mark.parametrize("first", [_approve, _reject, _close])
@pytest.mark.parametrize("second", [_approve, _reject, _close, lambda case: case.assigned("acct_2")])
def test_case_is_decided_once(first: Callable[[Case], Case], second: Callable[[Case], Case]) -> None:
    decided = first(CASE)
    with pytest.raises(AlreadyDecided) as refused:
        second(decided)
    assert (refused.value.code, refused.value.extra) == ("already_decided", {"decision": decided.status})


def test_decision_says_who_and_when() -> None:
    decided = _reject(CASE.assigned("acct_2"))
    assert (decided.status, decided.decided_by, decided.decided_at) == ("rejected", "acct_boss", NOW)
    assert decided.assignee == "acct_2"


def test_only_an_open_case_is_overdue_from_its_deadline_on() -> None:
    assert not CASE.is_overdue(DUE - timedelta(microseconds=1))
    assert CASE.is_overdue(DUE)
    assert not _approve(CASE).is_overdue(DUE)


def test_block_lists_what_is_known_and_no_account_unless_it_is_named() -> None:
    def kinds(paid_with: PaidWith) -> list[str]:
        drafts = entries_against(paid_with, kinds=None, reason="stolen", source="case_1", expires_at=DUE)
        assert {(draft.reason, draft.source, draft.expires_at) for draft in drafts} <= {("stolen", "case_1", DUE)}
        return [draft.kind for draft in drafts]

    assert kinds(PAID_WITH) == ["email", "device", "card", "ip"]
    assert kinds(PaidWith("acct_1", card="fingerprint_1")) == ["card"]
    assert kinds(PaidWith("acct_1")) == []
    named = entries_against(PAID_WITH, kinds=["account", "card", "card"], reason=None, source="x", expires_at=DUE)
    assert [(draft.kind, draft.value) for draft in named] == [("account", "acct_1"), ("card", "fingerprint_1")]


def test_block_by_what_is_not_known_is_refused() -> None:
    with pytest.raises(Invalid, match="email is not known of this payment"):
        entries_against(PaidWith("acct_1"), kinds=["email"], reason=None, source="x", expires_at=DUE)


def test_digest_stands_for_an_email_that_is_not_known() -> None:
    [draft] = entries_against(PAID_WITH, kinds=["email"], reason=None, source="x", expires_at=DUE)
    assert normal_value("email", draft.value) == draft.value
    assert digest_of(draft.value) == DIGEST
    assert digest_of("eve@example.com") is None
    for kind, value in (("card", f"digest:{DIGEST}"), ("email", f"digest:{DIGEST[1:]}"), ("ip", "digest:")):
        with pytest.raises(Invalid):
            normal_value(kind, value)  # type: ignore[arg-type]


def test_signals_are_said_in_words_without_what_is_not_known() -> None:
    name = next(iter(SIGNALS))
    told = said({"long_gone": 3, name: 7})
    assert [(each.name, each.value) for each in told] == [(name, 7), ("long_gone", 3)]
    assert told[0].meaning == SIGNALS[name].meaning
    assert said({name: SIGNALS[name].unknown}) == []


def _label(source: Source, *, is_fraud: bool, days: int) -> Label:
    return Label("pay_1", is_fraud, source, f"{source}{days}", NOW + timedelta(days=days))


def test_label_counts_from_when_it_was_known() -> None:
    label = _label("review", is_fraud=True, days=1)
    assert verdict([label], known_by=label.known_at - timedelta(microseconds=1)) is None
    assert verdict([label], known_by=label.known_at) is True


def test_operator_outranks_a_bank_and_a_bank_a_review() -> None:
    later = NOW + timedelta(days=30)
    review, won = _label("review", is_fraud=True, days=9), _label("dispute", is_fraud=False, days=5)
    operator = _label("operator", is_fraud=True, days=1)
    assert verdict([review], known_by=later) is True
    assert verdict([won, review], known_by=later) is False
    assert verdict([operator, won, review], known_by=later) is True


def test_latest_word_of_one_source_counts() -> None:
    opened, won = _label("dispute", is_fraud=True, days=1), _label("dispute", is_fraud=False, days=2)
    assert verdict([opened, won], known_by=NOW + timedelta(days=3)) is False
    assert verdict([opened, won], known_by=opened.known_at) is True


@pytest.mark.parametrize(
    ("status", "reason", "is_fraud"),
    [
        ("opened", "fraudulent", True),
        ("opened", "unrecognized", True),
        ("lost", "fraudulent", True),
        ("won", "fraudulent", False),
        ("opened", "product_not_received", None),
        ("won", "duplicate", None),
        ("closed", "fraudulent", None),
    ],
)
def test_disputes_about_fraud_are_labels(status: str, reason: str, is_fraud: bool | None) -> None:
    label = label_of_dispute(status, dispute_id="dp_1", payment_id="pay_1", reason=reason, at=NOW)
    if is_fraud is None:
        assert label is None
    else:
        assert label == Label("pay_1", is_fraud, "dispute", f"dp_1:{status}", NOW)
