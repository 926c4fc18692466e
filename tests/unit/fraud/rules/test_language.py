"""What is a rule and what is not, and where the fault lies."""

import time

import pytest

from services.fraud.domain.rules.language import DEEPEST, LONGEST, MOST_OPERATIONS, RuleFault, check
from services.fraud.domain.rules.trial import try_out

TAKEN = [
    ("hour > 3", {"hour"}),
    ("is_bot", {"is_bot"}),
    ("!is_bot && !(hour in [1, 2, -3])", {"is_bot", "hour"}),
    ("is_bot ? hour > 3 : hour > 20", {"is_bot", "hour"}),
    ("double(hour) / 2.0 > 1.5 || hour % 2 == 1", {"hour"}),
    ("hour > 0 && 100 / hour > 3", {"hour"}),
    ("hour >= 1.5", {"hour"}),
    ("ip_kind.startsWith('host') && size(ip_country) == 2 // of servers", {"ip_kind", "ip_country"}),
    ("currency in ['usd', \"eur\"]", {"currency"}),
    ("is_bot == true", {"is_bot"}),
    ("currency.contains(ip_country)", {"currency", "ip_country"}),
]
FAULTY = [
    ("", 1, "ends too soon"),
    ("hour > 3 ||", 12, "ends too soon"),
    ("(hour > 3", 10, "')' is missing"),
    ("hour", 1, "true or false"),
    ("hour > 'a'", 6, "compares a whole number with a text"),
    ("ip_kind > 'a'", 9, "compared by =="),
    ("is_bot > true", 8, "compared by =="),
    ("is_bot && hour", 8, "true or false"),
    ("!hour", 1, "true or false"),
    ("-ip_kind == 'a'", 1, "takes a number"),
    ("hour / 2.0 > 1.0", 6, "of one type"),
    ("ip_kind + 'a' == 'b'", 9, "takes two numbers"),
    ("double(hour) % 2.0 == 1.0", 14, "whole numbers"),
    ("is_bot ? hour : is_bot", 8, "of one type"),
    ("hour ? is_bot : is_bot", 6, "true or false"),
    ("size(hour) == 1", 1, "takes a text"),
    ("double(ip_kind) > 1.0", 1, "takes a number"),
    ("ip_kind.startsWith(hour)", 9, "takes a text"),
    ("hour.startsWith('a')", 6, "no function"),
    ("ip_kind.foo('a')", 9, "no function"),
    ("random() > 3", 1, "no function"),
    ("account_payment_hour > 3", 1, "'account_payments_hour' is one"),
    ("hour > 1 == true", 10, "do not follow one another"),
    ("[1, 2].all(x, is_bot)", 1, "nothing loops over it"),
    ("hour in 3", 9, "'[' is missing"),
    ("hour in []", 10, "a list holds"),
    ("hour in [weekday]", 10, "a list holds"),
    ("hour in ['a']", 6, "compares"),
    ("hour > 9223372036854775808", 8, "too large"),
    ("ip_kind == 'a\\n'", 12, "not understood"),
    ("hour > 3; true", 9, "not understood"),
    ("{'a': 1}", 1, "not understood"),
    ("hour > 3 true", 10, "not understood"),
    ("null == hour", 1, "no signal is null"),
    ("has(hour)", 1, "every signal has a value"),
    ("true", 1, "names no signal"),
    ("1 < 2", 1, "names no signal"),
]
EVIL = {
    "64 KiB": "is_bot" + " || is_bot" * 6_553,
    "64 KiB in one word": "a" * 65_536,
    "nested 1,000 deep in parentheses": "(" * 900 + "is_bot" + ")" * 900,
    "nested 1,000 deep in nots": "!" * 1_000 + "is_bot",
    "nested 1,000 deep in minus": "-" * 1_000 + "hour > 0",
    "a regular expression that backtracks": "ip_kind.matches('(a+)+$')",
    "an endless comprehension": "[1, 2, 3].all(x, [1, 2, 3].all(y, [1, 2, 3].all(z, is_bot)))",
    "a comprehension over a signal": "ip_kind.map(x, x) == ip_kind",
    "a call of what is not there": "__import__('os')",
    "an attribute": "ip_kind.__class__ == 'a'",
    "an operation too many": "hour" + "+hour" * (MOST_OPERATIONS + 1) + ">1",
    "a nested choice": "is_bot?" * 190 + "is_bot" + ":is_bot" * 60,
    "control characters": "ip_kind == '\x00'",
    "a right-to-left override": "is_bot \u202e|| true",
}


@pytest.mark.parametrize(("expression", "named"), TAKEN)
def test_rule_is_taken_with_the_signals_that_it_names(expression: str, named: set[str]) -> None:
    assert try_out(expression) == named


@pytest.mark.parametrize(("expression", "at", "why"), FAULTY)
def test_faulty_rule_is_refused_with_where_and_why(expression: str, at: int, why: str) -> None:
    with pytest.raises(RuleFault) as refused:
        check(expression)
    assert (refused.value.at, why in refused.value.why) == (at, True), refused.value


@pytest.mark.parametrize("kind", EVIL)
def test_evil_rule_is_refused_at_once(kind: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(RuleFault):
        try_out(EVIL[kind])
    assert time.perf_counter() - begun < 0.5


def test_limits_are_where_they_are_said_to_be() -> None:
    assert check("is_bot" + " " * (LONGEST - 6))
    with pytest.raises(RuleFault, match="at most 2000 characters"):
        check("is_bot" + " " * (LONGEST - 5))
    assert check("(" * DEEPEST + "is_bot" + ")" * DEEPEST)
    with pytest.raises(RuleFault, match="nested more than 20 deep"):
        check("(" * (DEEPEST + 1) + "is_bot" + ")" * (DEEPEST + 1))
    assert check("is_bot" + "||is_bot" * MOST_OPERATIONS)
    with pytest.raises(RuleFault, match="at most 200 operations"):
        check("is_bot" + "||is_bot" * (MOST_OPERATIONS + 1))


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("100 / hour > 3", "where nothing is known: division by zero"),
        ("100 % (hour - 1) > 3", "where each number is 1"),
        ("amount_usd_minor * amount_usd_minor > 5", "as large as can be"),
    ],
)
def test_rule_that_fails_on_signals_that_may_be_is_refused(expression: str, why: str) -> None:
    with pytest.raises(RuleFault, match=why):
        try_out(expression)


def test_rule_that_takes_longer_than_a_payment_can_wait_is_refused() -> None:
    times = iter(range(1_000))
    with pytest.raises(RuleFault, match="takes longer"):
        try_out("is_bot", clock=lambda: float(next(times)))
