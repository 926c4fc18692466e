"""What is heard of a year may come late, twice, in any order or never: the last that Stripe said decides."""

import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.subscriptions_year.life import Life, outages_by_chance
from tests.properties.subscriptions_year.platform import Platform


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_what_is_heard_last_of_stripe_decides(seed: int, news: random.Random) -> None:
    chance = random.Random(seed)
    life = Life(chance, outages_by_chance(chance))
    life.live()
    *earlier, last = life.seen
    heard = [
        (at + timedelta(hours=news.choice([0, 1, 30, 900])), state, returned)
        for at, state, returned in earlier
        for _ in range(news.choice([0, 0, 1, 2]))
    ]
    platform = Platform(life.stripe, news)
    for at, state, returned in sorted([*heard, last], key=lambda each: each[0]):
        platform.settle(state, returned, at)
    now = last[0]
    assert platform.verdict(now) == life.platform.verdict(now)
    assert platform.known.standing is life.platform.known.standing
    assert platform.known.expires_at == life.platform.known.expires_at
    assert platform.license.billing_state.value == platform.known.standing.value
