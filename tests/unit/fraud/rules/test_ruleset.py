"""How a set of rules judges, and what a version may become."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.fraud.domain.rules.rule import (
    Draft,
    RuleId,
    SecondOperatorRequired,
    Snooze,
    State,
    Version,
    WrongState,
)
from services.fraud.domain.rules.ruleset import Judged, RuleSet
from services.fraud.domain.signals import all_unknown
from shared.errors import Invalid

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def version(code: str, expression: str, weight_bp: int = 1_000, state: State = "live", number: int = 1) -> Version:
    return Version(RuleId(f"rule_{code}"), number, code, expression, weight_bp, "Odd.", state, "acct_author", NOW)


def codes(judged: Judged) -> tuple[list[str], list[str]]:
    return [each.code for each in judged.fired], [each.code for each in judged.shadow]


def test_live_rules_fire_the_heaviest_first_and_shadow_rules_apart() -> None:
    rules = RuleSet.of(
        [
            version("light", "hour == 0", 100),
            version("heavy", "hour == 0", 9_000),
            version("silent", "hour == 1"),
            version("tried", "hour == 0", state="shadow"),
            version("drafted", "hour == 0", state="draft"),
            version("gone", "hour == 0", state="retired"),
        ]
    )
    assert codes(rules.judge(all_unknown(), at=NOW)) == (["heavy", "light"], ["tried"])
    assert rules.versions == {"heavy": 1, "light": 1, "silent": 1}


def test_both_versions_of_a_rule_judge_while_one_is_tried() -> None:
    rules = RuleSet.of([version("a", "hour == 0"), version("a", "hour == 0", 5_000, "shadow", 2)])
    judged = rules.judge(all_unknown(), at=NOW)
    assert ([each.version for each in judged.fired], [each.version for each in judged.shadow]) == ([1], [2])


def test_rule_that_cannot_be_evaluated_does_not_fire_and_others_go_on() -> None:
    rules = RuleSet.of([version("broken", "100 / hour > 3", 9_000), version("whole", "hour == 0")])
    judged = rules.judge(all_unknown(), at=NOW)
    assert codes(judged) == (["whole"], [])
    assert judged.failed == (RuleId("rule_broken"),)


def test_each_payment_is_judged_by_its_own_signals() -> None:
    rules = RuleSet.of([version("night", "hour < 6 && is_bot")])
    seen = [
        {**all_unknown(), "hour": hour, "is_bot": bot} for hour, bot in ((3, True), (9, True), (3, False), (3, True))
    ]
    assert [bool(rules.judge(each, at=NOW).fired) for each in seen] == [True, False, False, True]


def test_snoozed_rule_does_not_fire_until_the_snooze_ends() -> None:
    rules = RuleSet.of(
        [version("a", "hour == 0"), version("b", "hour == 0"), version("c", "hour == 0", state="shadow")]
    )
    ends = NOW + timedelta(hours=1)
    snoozes = [Snooze(f"snz_{code}", RuleId(f"rule_{code}"), "account", "acct_1", ends) for code in ("a", "c")]
    assert codes(rules.judge(all_unknown(), at=ends - timedelta(microseconds=1), snoozes=snoozes)) == (["b"], [])
    assert codes(rules.judge(all_unknown(), at=ends, snoozes=snoozes)) == (["a", "b"], ["c"])


def test_rule_over_a_signal_that_is_absent_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        RuleSet.of([version("a", "hour == 0")]).judge({}, at=NOW)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [("draft", "shadow"), ("draft", "retired"), ("shadow", "live"), ("shadow", "retired"), ("live", "shadow")],
)
def test_version_moves_on(state: State, wanted: State) -> None:
    assert version("a", "is_bot", state=state).moved(wanted, by="acct_other").state == wanted


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("draft", "live"),
        ("draft", "draft"),
        ("shadow", "draft"),
        ("shadow", "shadow"),
        ("live", "draft"),
        ("live", "live"),
        ("retired", "draft"),
        ("retired", "shadow"),
        ("retired", "live"),
        ("retired", "retired"),
    ],
)
def test_version_does_not_skip_a_state_or_come_back(state: State, wanted: State) -> None:
    with pytest.raises(WrongState):
        version("a", "is_bot", state=state).moved(wanted, by="acct_other")


def test_author_does_not_make_their_own_version_live() -> None:
    tried = version("a", "is_bot", state="shadow")
    with pytest.raises(SecondOperatorRequired):
        tried.moved("live", by=tried.author)
    assert tried.moved("retired", by=tried.author).state == "retired"
    assert replace(tried, author="system").moved("live", by="acct_author").state == "live"


@pytest.mark.parametrize("weight_bp", [0, -1, 10_000])
def test_weight_is_neither_nothing_nor_certainty(weight_bp: int) -> None:
    with pytest.raises(Invalid):
        Draft("is_bot", weight_bp, "Odd.")
