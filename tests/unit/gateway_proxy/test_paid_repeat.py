"""What the row of an Idempotency-Key lets a repeat do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.domain.paid_repeat import Asked, Intent, Kept, Step, Terms, judge, may_resume
from services.gateway.domain.price import Price
from shared.errors import DomainError
from shared.ids import encode, milliseconds, new_uuid

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ASKED = Asked(b"t" * 32, b"b" * 32)
PRICE = Price(version=1, per_call=1_000, per_1000_tokens=0, per_unit=0, minimum=0)
ID = new_uuid(at=NOW)
LAPSED = Kept("running", ASKED, ID, Terms("charge", 1_000, 0, PRICE), None, lease_is_live=False, is_over=False)
LIVE = replace(LAPSED, lease_is_live=True)
ANSWERED = replace(LAPSED, state="answered")
HOLD = replace(LAPSED, terms=Terms("hold", 500, 10, PRICE))
MARGIN = 60_000


def refusal(kept: Kept, asked: Asked = ASKED) -> DomainError:
    with pytest.raises(DomainError) as refused:
        judge(kept, asked)
    return refused.value


def test_a_lapsed_call_is_resumed() -> None:
    assert judge(LAPSED, ASKED) is Step.RESUME


def test_a_call_under_way_is_in_progress_whatever_it_does() -> None:
    for kept in (LIVE, replace(LIVE, state="undoing")):
        assert refusal(kept).code == "idempotency_in_progress"


def test_an_answered_call_names_the_original_and_must_not_be_tried_again() -> None:
    refused = refusal(ANSWERED)
    assert refused.code == "already_charged"
    assert refused.extra == {"original_request_id": encode("req", ID)}
    assert refused.headers == {"X-Should-Retry": "false"}


def test_what_was_being_given_back_is_given_back_first() -> None:
    assert judge(replace(LAPSED, state="undoing"), ASKED) is Step.UNDO


@pytest.mark.parametrize("other", [Asked(b"u" * 32, ASKED.body_hash), Asked(ASKED.target_hash, b"c" * 32)])
@pytest.mark.parametrize("kept", [LAPSED, LIVE, ANSWERED])
def test_another_request_under_the_key_is_refused(kept: Kept, other: Asked) -> None:
    assert refusal(kept, other).code == "idempotency_key_reused"


@pytest.mark.parametrize(("kept_body", "body"), [(None, b"b" * 32), (b"b" * 32, None), (None, None)])
def test_a_body_that_came_in_pieces_is_not_compared(kept_body: bytes | None, body: bytes | None) -> None:
    kept = replace(LAPSED, asked=Asked(ASKED.target_hash, kept_body))
    assert judge(kept, Asked(ASKED.target_hash, body)) is Step.RESUME


@pytest.mark.parametrize("kept", [LAPSED, LIVE, ANSWERED])
def test_after_24_hours_nothing_is_remembered(kept: Kept) -> None:
    assert judge(replace(kept, is_over=True), Asked(b"other" * 6 + b"..", None)) is Step.ANEW


def resumes(kept: Kept, *, op: str, age_ms: int) -> bool:
    at = NOW + timedelta(milliseconds=age_ms)
    return may_resume(kept, op=op, now_ms=milliseconds(at), margin_ms=MARGIN)


def test_a_charge_pays_however_old_it_is() -> None:
    assert resumes(LAPSED, op="charge", age_ms=23 * 3_600_000)


def test_a_hold_that_may_not_outlast_the_call_is_not_taken_up_again() -> None:
    assert resumes(HOLD, op="hold", age_ms=MARGIN)
    assert not resumes(HOLD, op="hold", age_ms=MARGIN + 1)


def test_a_hold_whose_capture_is_meant_already_pays_however_old_it_is() -> None:
    assert resumes(replace(HOLD, intent=Intent(ID, 5)), op="hold", age_ms=MARGIN + 1)


def test_a_price_of_another_kind_does_not_resume() -> None:
    assert not resumes(LAPSED, op="hold", age_ms=0)
    assert not resumes(HOLD, op="charge", age_ms=0)
