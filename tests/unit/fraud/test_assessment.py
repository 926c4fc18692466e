"""The verdict on a payment: gates, then the score."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from services.fraud.domain.assessment import Found, Guess, case_of, gated, scored, snapshot_of
from services.fraud.domain.blacklist import Entry, EntryId, Traits
from services.fraud.domain.rules.rule import RuleId
from services.fraud.domain.rules.ruleset import Fired
from services.fraud.domain.score import Limits
from tests.unit.fraud.payments import NOW, PAYMENT

LIMITS = Limits(review_hundredths=7_000, block_hundredths=8_500)
LISTED = replace(PAYMENT, traits=Traits(account_id="acct_1", email_match="e", ip=ip_address("192.0.2.7"), ip_match="i"))


def fired(code: str, weight_bp: int) -> Fired:
    return Fired(RuleId(f"rule_{code}"), 1, weight_bp, code, f"About {code}.")


def test_payment_that_nothing_lists_passes_the_gate() -> None:
    assert gated(LISTED, [], at=NOW) is None


def test_listed_payment_is_blocked_with_a_reason_for_each_kind() -> None:
    entries = [
        Entry(EntryId("blk_3"), "network", "192.0.2.0/24", None),
        Entry(EntryId("blk_2"), "network", "192.0.0.0/16", None),
        Entry(EntryId("blk_1"), "email", "e", None),
    ]
    verdict = gated(LISTED, entries, at=NOW)
    assert verdict is not None
    assert (verdict.decision, verdict.score_hundredths) == ("block", 10_000)
    assert [reason.code for reason in verdict.reasons] == ["blacklisted_email", "blacklisted_network"]
    assert len(verdict.entries) == 3


def test_candidate_that_does_not_bite_blocks_nothing() -> None:
    assert gated(LISTED, [Entry(EntryId("blk_1"), "email", "another", None)], at=NOW) is None


def test_nothing_found_is_allowed_with_no_score() -> None:
    verdict = scored(Found(), LIMITS)
    assert (verdict.decision, verdict.score_hundredths, verdict.reasons) == ("allow", 0, ())


def test_rules_and_model_make_one_score() -> None:
    verdict = scored(Found(fired=(fired("a", 5_000),), guess=Guess("m", 500_000)), LIMITS)
    assert (verdict.decision, verdict.score_hundredths) == ("review", 7_500)


def test_what_is_in_shadow_decides_nothing() -> None:
    loud = Found(shadow=(fired("a", 9_999),), shadow_guess=Guess("m", 1_000_000))
    assert scored(loud, LIMITS) == scored(Found(), LIMITS)


def test_reasons_come_heaviest_first_the_model_among_them() -> None:
    verdict = scored(Found(fired=(fired("light", 100), fired("heavy", 6_000)), guess=Guess("m", 300_000)), LIMITS)
    assert [reason.code for reason in verdict.reasons] == ["heavy", "model_risk", "light"]


def test_a_model_that_says_little_is_no_reason() -> None:
    assert scored(Found(guess=Guess("m", 199_999)), LIMITS).reasons == ()


def test_judgement_without_counters_says_so_and_scores_nothing_for_it() -> None:
    verdict = scored(Found(fired=(fired("a", 100),), has_features=False), LIMITS)
    assert [reason.code for reason in verdict.reasons] == ["a", "features_unavailable"]
    assert verdict.score_hundredths == 100


@pytest.mark.parametrize(
    ("weight", "amount", "kind"),
    [
        (7_000, 500, "held"),
        (7_000, 500_000, "held"),
        (0, 99_999, None),
        (0, 100_000, "watch"),
        (8_500, 100_000, None),
    ],
)
def test_a_person_looks_at_what_is_held_and_at_what_is_large(weight: int, amount: int, kind: str | None) -> None:
    verdict = scored(Found(fired=(fired("a", weight),)), LIMITS)
    assert case_of(verdict, replace(PAYMENT, amount_usd_minor=amount), from_minor=100_000) == kind


def test_snapshot_holds_signals_and_digests_but_no_address() -> None:
    verdict = gated(LISTED, [Entry(EntryId("blk_1"), "ip", "i", None)], at=NOW)
    assert verdict is not None
    kept = snapshot_of(LISTED, {"hour": 3}, verdict)
    assert kept["signals"] == {"hour": 3} and kept["blacklist"] == ["blk_1"]
    assert "192.0.2.7" not in str(kept)
