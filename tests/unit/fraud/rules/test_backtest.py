"""What a backtest says: only the candidate's doing, the harm before the use, and nothing that is not known."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.fraud.commands.backtest import lines
from services.fraud.domain.rules.backtest import Backtest, Past, Period, report_of
from services.fraud.domain.rules.rule import RuleId, State, Version
from services.fraud.domain.score import Limits
from services.fraud.domain.signals import all_unknown

NOW = datetime(2027, 1, 1, tzinfo=UTC)
LIMITS = Limits(7_000, 8_500)


def version(code: str, expression: str, weight_bp: int, state: State = "live", number: int = 1) -> Version:
    return Version(RuleId(f"rule_{code}"), number, code, expression, weight_bp, "Odd.", state, "acct_author", NOW)


def past(number: int, *, is_fraud: bool | None = None, ppm: int = 0, **signals: int | bool) -> Past:
    values = {**all_unknown(), "amount_usd_minor": 1_000, **signals}
    amount = int(values["amount_usd_minor"])
    return Past(f"pay_{number}", f"acct_{number}", NOW, amount, values, ppm, is_fraud)


def reported(candidate: Version, pasts: list[Past], *live: Version, skipped: int = 0, cut: bool = False) -> Any:
    trial = Backtest(candidate, list(live), LIMITS)
    for each in pasts:
        trial.look(each)
    return report_of(trial, Period(10, NOW - timedelta(days=10), NOW, skipped, is_cut=cut))


def test_rule_that_stops_everybody_is_harmful_and_says_whom_it_would_harm() -> None:
    pasts = [past(number) for number in range(98)] + [past(98, is_fraud=True), past(99, is_fraud=False)]
    report = reported(version("bad", "amount_usd_minor >= 1", 9_000, "draft"), pasts)
    assert report["harmful"]
    assert report["harm"]["honest_stopped"]["payments"] == 99
    assert (report["precision"], report["recall"]) == (0.5, 1.0)
    assert report["warnings"][0] == (
        "It would stop 99 of 100 payments that go on today and are not known to be fraud, of 99 accounts."
    )
    assert report["after"]["blocked_usd_minor"] == 100_000


def test_rule_that_stops_the_fraud_is_not_harmful() -> None:
    pasts = [past(number) for number in range(95)]
    pasts += [past(number, is_fraud=True, card_failed_hour=6) for number in range(95, 100)]
    report = reported(version("good", "card_failed_hour >= 6", 7_500, "draft"), pasts)
    assert not report["harmful"]
    assert (report["precision"], report["recall"], report["after"]["review"]) == (1.0, 1.0, 5)
    assert report["after"]["reviews_per_day"] == 0.5
    assert report["before"]["recall"] == 0.0


def test_rule_that_stops_one_in_a_hundred_is_not_yet_harmful_and_more_is() -> None:
    rule = version("edge", "is_bot", 9_000, "draft")
    assert not reported(rule, [past(number, is_bot=number == 0) for number in range(100)])["harmful"]
    assert reported(rule, [past(number, is_bot=number < 2) for number in range(100)])["harmful"]


def test_version_that_lets_known_fraud_go_is_harmful() -> None:
    live = version("cards", "card_failed_hour >= 6", 9_000)
    looser = version("cards", "card_failed_hour >= 60", 9_000, "draft", 2)
    report = reported(looser, [past(1, is_fraud=True, card_failed_hour=7), past(2)], live)
    assert report["harmful"]
    assert report["harm"]["fraud_let_go"]["payments"] == 1
    assert [(flip["from"], flip["to"]) for flip in report["flips"]] == [("block", "allow")]


def test_candidate_stands_in_its_rules_place_beside_the_other_live_ones() -> None:
    own = version("own", "is_bot", 4_000)
    other = version("other", "is_bot", 4_000)
    shadow = version("shadow", "is_bot", 9_000, "shadow")
    heavier = version("own", "is_bot", 6_000, "draft", 2)
    report = reported(heavier, [past(1, is_bot=True)], own, other, shadow)
    assert [(flip["from"], flip["to"]) for flip in report["flips"]] == [("allow", "review")], "64 then, 76 now"
    assert reported(own, [past(1, is_bot=True)], own, other)["flips"] == [], "what is live already changes nothing"


def test_models_probability_of_then_counts() -> None:
    rule = version("light", "is_bot", 1_000, "draft")
    assert reported(rule, [past(1, ppm=670_000, is_bot=True)])["after"]["review"] == 1
    assert reported(rule, [past(1, ppm=650_000, is_bot=True)])["after"]["review"] == 0


def test_nothing_known_is_said_as_such() -> None:
    report = reported(version("a", "is_bot", 9_000, "draft"), [past(1)])
    assert (report["precision"], report["recall"]) == (None, None)
    assert any("precision and recall cannot be said" in warning for warning in report["warnings"])
    assert any("fires on no payment" in warning for warning in report["warnings"])


def test_backtest_over_nothing_says_that_it_says_nothing() -> None:
    report = reported(version("a", "is_bot", 9_000, "draft"), [], skipped=5)
    assert report["warnings"] == ["No payment of this time can be judged again: this says nothing about the rule."]
    assert not report["harmful"]


def test_failures_are_counted_and_do_not_fire() -> None:
    report = reported(version("a", "100 / amount_usd_minor > 3", 9_000, "draft"), [past(1, amount_usd_minor=0)])
    assert (report["failed"], report["fired"]["payments"]) == (1, 0)


def test_person_reads_the_harm() -> None:
    report = reported(version("bad", "amount_usd_minor >= 1", 9_000, "draft"), [past(1), past(2)], cut=True)
    told = "\n".join(lines("bad, version 1", report))
    assert "HARMFUL" in told
    assert "go on -> blocked: 2 payments of $20.00: 0 known fraud, 0 known honest, 2 unknown" in told
    assert "Only the newest 2 payments were looked at." in told
