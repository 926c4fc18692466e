"""A year of many subscribers through the pure domain, against a model of it that shares none of its code: with cards
that fail, cancels, refunds, disputes, events that come late, twice, in any order or never, and a scheduler that is
down for days.

After every look each license is what the model's is, each thing was told once, and no outage lets anybody in who has
not paid; the monthly revenue is what a recount makes of it.
"""

import random
from collections import Counter

import pytest

from services.billing.domain.subscriptions.recurring import monthly
from shared.money import Money
from tests.properties.subscriptions_year.life import BEGIN, END, SAMPLE_EVERY, Life, outages_by_chance
from tests.properties.subscriptions_year.model import GRACE

MICROS_A_CENT = 10_000


def lived(subscribers: int, *, seed: int) -> list[Life]:
    chance = random.Random(seed)
    outages = outages_by_chance(chance)
    lives = [Life(random.Random(chance.random()), outages) for _ in range(subscribers)]
    for life in lives:
        life.live()
    return lives


def assert_revenue(lives: list[Life]) -> None:
    instant = BEGIN
    while instant < END:
        samples = [life.samples[instant] for life in lives if instant in life.samples]
        counted = monthly([sample.paying for sample in samples], now=instant, grace=GRACE)
        micros = sum(sample.micros for sample in samples)
        expected = (Money(micros // MICROS_A_CENT, "usd"),) if micros else ()
        assert counted == expected, instant
        instant += SAMPLE_EVERY


def assert_much_happened(lives: list[Life]) -> None:
    """So that agreement is not that of an empty year."""
    codes = Counter(code for life in lives for code in life.codes)
    assert {"VALID", "GRACE", "SUSPENDED", "REVOKED"} <= set(codes), codes
    told = sum((life.platform.told() for life in lives), Counter())
    assert len(told) == 8, told


def test_year_of_forty_ends_as_the_model_says() -> None:
    lives = lived(40, seed=2)
    assert_revenue(lives)
    assert_much_happened(lives)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_year_of_a_thousand_ends_as_the_model_says() -> None:
    lives = lived(1_000, seed=2_027)
    assert_revenue(lives)
    assert_much_happened(lives)
