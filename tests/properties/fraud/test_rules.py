"""The language of rules against CEL itself, over rules made at random."""

import random
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from services.fraud.domain.rules.binding import cel
from services.fraud.domain.rules.language import RuleFault, check
from services.fraud.domain.rules.rule import RuleId, Version
from services.fraud.domain.rules.ruleset import RuleSet
from services.fraud.domain.rules.shipped import SHIPPED
from services.fraud.domain.score import WHOLE_PPM, score_of
from services.fraud.domain.signals import SIGNALS, Value

NOW = datetime(2027, 1, 1, tzinfo=UTC)
_BY_TYPE = {kind: sorted(name for name, each in SIGNALS.items() if each.type is kind) for kind in (int, bool, str)}

numbers: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(_BY_TYPE[int])
        | st.integers(0, 10**6).map(str)
        | st.tuples(numbers, st.sampled_from("+-*/%"), numbers).map(lambda each: f"({each[0]} {each[1]} {each[2]})")
        | numbers.map(lambda each: f"-({each})")
        | claims.flatmap(lambda claim: st.tuples(numbers, numbers).map(lambda n: f"({claim} ? {n[0]} : {n[1]})"))
    )
)
texts = st.sampled_from([*_BY_TYPE[str], '"hosting"', "'US'", '""'])
claims: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from([*_BY_TYPE[bool], "true"])
        | st.tuples(numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers).map(" ".join)
        | st.tuples(texts, st.sampled_from(["==", "!="]), texts).map(" ".join)
        | st.tuples(numbers, st.lists(st.integers(-5, 5).map(str), min_size=1, max_size=4)).map(
            lambda each: f"{each[0]} in [{', '.join(each[1])}]"
        )
        | st.tuples(texts, st.sampled_from(["startsWith", "endsWith", "contains"]), texts).map(
            lambda each: f"{each[0]}.{each[1]}({each[2]})"
        )
        | st.tuples(claims, st.sampled_from(["&&", "||"]), claims).map(
            lambda each: f"({each[0]}) {each[1]} ({each[2]})"
        )
        | claims.map(lambda each: f"!({each})")
    )
)
_VALUES: dict[type, tuple[Value, ...]] = {
    int: (-1, 0, 1, 2, 5, 8, 30, 100, 5_000, 20_000, 600_000, 10**12),
    bool: (False, True),
    str: ("", "US", "hosting", "phone", "desktop", "gaming", "checkout", "enterprise"),
}


def _drawn(seed: int) -> dict[str, Value]:
    draw = random.Random(seed).choice
    return {name: draw(_VALUES[each.type]) for name, each in SIGNALS.items()}


signals = st.integers(0, 2**32).map(_drawn)


@settings(max_examples=80)
@given(claims, signals)
def test_what_the_reading_takes_cel_evaluates_to_true_or_false(expression: str, values: dict[str, Value]) -> None:
    try:
        named = check(expression)
    except RuleFault as fault:
        assert any(limit in fault.why for limit in ("at most", "nested", "names no signal")), fault
        return
    program = cel.compile(expression)
    assert set(program.variables()) == named
    try:
        assert isinstance(program.execute({name: values[name] for name in named}), bool)
    except ArithmeticError:
        """A number too large, or a division by nothing: such a rule does not fire."""


@settings(max_examples=150)
@given(st.text(alphabet="hour is_bot&|!()[]<>=?:+-*/%.,'\"1 2x\\\n#{}$é", max_size=40))
def test_nothing_but_a_fault_comes_of_any_text(expression: str) -> None:
    try:
        check(expression)
    except RuleFault as fault:
        assert 1 <= fault.at <= len(expression) + 1
        return
    assert cel.compile(expression)


SHIPPED_RULES = [
    Version(RuleId(each.code), 1, each.code, each.expression, each.weight_bp, each.detail, "live", "s", NOW)
    for each in SHIPPED
]


@settings(max_examples=40)
@given(signals, signals)
def test_nothing_of_one_payment_is_left_for_the_next(first: dict[str, Value], second: dict[str, Value]) -> None:
    rules = RuleSet.of(SHIPPED_RULES)
    rules.judge(first, at=NOW)
    assert rules.judge(second, at=NOW) == RuleSet.of(SHIPPED_RULES).judge(second, at=NOW)


@settings(max_examples=50)
@given(signals, st.integers(0, WHOLE_PPM))
def test_a_rule_that_fires_never_lowers_the_score(values: dict[str, Value], ppm: int) -> None:
    weights = [each.weight_bp for each in RuleSet.of(SHIPPED_RULES).judge(values, at=NOW).fired]
    scores = [score_of(ppm, weights[:number]) for number in range(len(weights) + 1)]
    assert scores == sorted(scores)
