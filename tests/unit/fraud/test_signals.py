"""The vocabulary of rules and snapshots."""

import re

import pytest

from services.fraud.domain.signals import ENTITIES, SIGNALS, WINDOWS, Signal, all_unknown


@pytest.mark.parametrize("signal", SIGNALS.values(), ids=lambda signal: signal.name)
def test_each_signal_says_what_it_is_and_what_it_is_when_not_known(signal: Signal) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", signal.name)
    assert type(signal.unknown) is signal.type
    assert len(signal.meaning) > 5


def test_counters_of_every_entity_and_window_are_there() -> None:
    for entity in ENTITIES:
        for window in WINDOWS:
            assert {f"{entity}_payments_{window}", f"{entity}_failed_{window}"} <= SIGNALS.keys()


def test_nothing_known_has_a_value_for_every_signal() -> None:
    assert all_unknown().keys() == SIGNALS.keys()
