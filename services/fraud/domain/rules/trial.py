"""Trying a rule before it is kept: it is checked, compiled and evaluated on made-up signals."""

import time
from collections.abc import Callable, Iterator, Mapping

from services.fraud.domain.rules.binding import cel
from services.fraud.domain.rules.language import RuleFault, check
from services.fraud.domain.signals import SIGNALS, Value, all_unknown

MOST_MICROSECONDS = 200
"""What one evaluation may take; honest rules take one to five."""

_TRIES = 3
_LARGEST: Mapping[type, Value] = {int: 10**12, float: 1e12, bool: True, str: "x" * 500}
_ONE: Mapping[type, Value] = {int: 1, float: 1.0, bool: True, str: "x"}


def try_out(expression: str, *, clock: Callable[[], float] = time.perf_counter) -> frozenset[str]:
    """The signals that the rule names. Raises RuleFault: as `check` does, and where it cannot be evaluated on signals
    that may well be, or takes longer than a payment can wait."""
    named = check(expression)
    try:
        program = cel.compile(expression)
    except ValueError as error:
        raise RuleFault(1, f"CEL does not take it: {_in_short(error)}") from error
    for name, signals in _samples():
        context = cel.Context({each: signals[each] for each in named})
        _evaluate(program, context, name)
        if _fastest(program, context, clock) > MOST_MICROSECONDS:
            raise RuleFault(1, f"takes longer than {MOST_MICROSECONDS} microseconds")
    return named


def _samples() -> Iterator[tuple[str, Mapping[str, Value]]]:
    yield "where nothing is known", all_unknown()
    yield "where each number is 1", _filled(_ONE)
    yield "where each number is as large as can be", _filled(_LARGEST)


def _filled(values: Mapping[type, Value]) -> dict[str, Value]:
    return {name: values[signal.type] for name, signal in SIGNALS.items()}


def _evaluate(program: cel.Program, context: cel.Context, name: str) -> None:
    try:
        found = program.execute(context)
    except (ArithmeticError, TypeError, ValueError, RuntimeError) as error:
        raise RuleFault(1, f"cannot be evaluated {name}: {_in_short(error)}") from error
    if not isinstance(found, bool):
        raise RuleFault(1, f"is neither true nor false {name}")


def _fastest(program: cel.Program, context: cel.Context, clock: Callable[[], float]) -> float:
    """Of a few tries, in microseconds: a busy machine must not refuse an honest rule."""
    return min(_timed(program, context, clock) for _ in range(_TRIES)) * 1e6


def _timed(program: cel.Program, context: cel.Context, clock: Callable[[], float]) -> float:
    begun = clock()
    program.execute(context)
    return clock() - begun


def _in_short(error: Exception) -> str:
    """CEL repeats the whole rule, and draws arrows."""
    return next((line for line in str(error).rsplit("ERROR: ", 1)[-1].splitlines() if line), "")[:200]
