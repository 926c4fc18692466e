"""One subscriber's year by chance: what happens at Stripe, when it is heard of, and when the scheduler looks.

Events come late, in any order, twice or never, and now and then what was read is settled long after it was asked. The
scheduler looks every hour, but for the days it is down. Of its looks only those are carried out that could find
something (the two hours after a change and after a term of the subscription's) and one every other day.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from services.billing.domain.subscriptions.recurring import Paying
from services.billing.domain.subscriptions.subscription import Returned, SubscriptionState
from tests.properties.subscriptions_year import model
from tests.properties.subscriptions_year.model import MailModel
from tests.properties.subscriptions_year.platform import Platform
from tests.properties.subscriptions_year.stripe_model import DAY, HOUR, StripeSubscription

BEGIN = datetime(2027, 1, 1, tzinfo=UTC)
END = BEGIN + 365 * DAY
PLANS = ((1, 2_500), (1, 2_500), (3, 7_000), (12, 25_000))
LOOKS_AFTER = 2
SAMPLE_EVERY = 5 * DAY

Outage = tuple[datetime, datetime]
Work = Callable[[datetime], None]
Seen = tuple[datetime, SubscriptionState, Returned]
"""What a look found, and when."""


@dataclass
class Sample:
    """One subscriber at one instant: as it is counted, and what the model has of it."""

    paying: Paying
    micros: int


@dataclass
class Life:
    chance: random.Random
    outages: Sequence[Outage]
    samples: dict[datetime, Sample] = field(default_factory=dict)
    mails: MailModel = field(default_factory=MailModel)
    stripe: StripeSubscription = field(init=False)
    platform: Platform = field(init=False)
    codes: set[str] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)
    _queue: list[tuple[datetime, int, Work]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _looks: set[datetime] = field(default_factory=set)
    _waits_for: datetime | None = None

    def __post_init__(self) -> None:
        chance = self.chance
        began_at = BEGIN + timedelta(seconds=chance.randrange(60 * 86_400))
        months, price_minor = chance.choice(PLANS)
        trial = began_at + 14 * DAY if chance.random() < 0.15 else None
        gives_up = chance.choice(["canceled", "canceled", "unpaid", "past_due"])
        self.stripe = StripeSubscription("sub_1", began_at, months, price_minor, gives_up, trial_ends_at=trial)
        self.platform = Platform(self.stripe, chance)

    def live(self) -> None:
        """The whole year; each look asserts what it finds."""
        self._at(self.stripe.began_at, self._changed)
        for day in range(0, 366, 2):
            self._look_at(BEGIN + day * DAY)
        instant = BEGIN
        while instant < END:
            self._at(instant, self._sample)
            instant += SAMPLE_EVERY
        self._plan_mishaps()
        while self._queue:
            now, _, work = heapq.heappop(self._queue)
            if now >= END:
                break
            work(now)

    # What happens at Stripe.

    def _plan_mishaps(self) -> None:
        """In about every third month, at any time of it."""
        mishaps: list[Work] = [
            *[self._fail] * 5,
            *[self._dispute] * 2,
            self._cancel,
            self._cancel_at_period_end,
            self._leave_and_return,
            self._refund,
        ]
        for month in range(12):
            if self.chance.random() < 0.35:
                at = self.stripe.began_at + timedelta(seconds=self.chance.randrange(3_600, 31 * 86_400))
                self._at(at + month * 30 * DAY, self._changing(self.chance.choice(mishaps)))

    def _fail(self, now: datetime) -> None:
        """The card is good no longer; often another comes, some time after the next renewal failed, or before."""
        self.stripe.card_pays = False
        if self.chance.random() < 0.75:
            after = self.chance.uniform(-1, 5) * DAY
            self._at(max(now, self.stripe.period_end_at + after), self._changing(self.stripe.put_good_card))

    def _dispute(self, now: datetime) -> None:
        if self.stripe.dispute is not None or self.stripe.ended_at is not None or self.stripe.running() is None:
            return
        self.stripe.dispute = "open"
        outcome = self.chance.choice(["won", "won", "lost"])
        self._at(now + self.chance.uniform(0.1, 40) * DAY, self._changing(lambda _: self._close(outcome)))

    def _close(self, outcome: str) -> None:
        self.stripe.dispute = outcome

    def _cancel(self, now: datetime) -> None:
        self.stripe.cancel(now)

    def _cancel_at_period_end(self, now: datetime) -> None:
        self.stripe.cancel_at_period_end = self.stripe.ended_at is None

    def _leave_and_return(self, now: datetime) -> None:
        self._cancel_at_period_end(now)
        self._at(now + self.chance.uniform(0.1, 3) * DAY, self._changing(lambda _: self._stay()))

    def _stay(self) -> None:
        if self.stripe.ended_at is None:
            self.stripe.cancel_at_period_end = False

    def _refund(self, now: datetime) -> None:
        """By us, so that we know at once."""
        running = self.stripe.running()
        if running is not None and self.stripe.ended_at is None and now < running.end_at:
            self.stripe.refunded.add(running.id)
            self._look(now)

    # Hearing of it.

    def _changing(self, work: Work) -> Work:
        def change(now: datetime) -> None:
            work(now)
            self._changed(now)

        return change

    def _changed(self, now: datetime) -> None:
        """Something happened at Stripe: events go out, and the looks that follow can find it."""
        self.stripe.go_on(now)
        self._wait_for_stripe()
        self._looks_after(now)
        until = model.paid_until(self.stripe)
        for term in (until - model.AHEAD, until - model.TRIAL_AHEAD, until, until + model.GRACE):
            self._looks_after(max(term, now))
        for _ in range(self.chance.choice([0, 1, 1, 2])):
            self._at(now + self.chance.choice([0, 0, 0.1, 2, 5]) * DAY * self.chance.random(), self._hear)

    def _wait_for_stripe(self) -> None:
        due_at = self.stripe.next_at()
        if due_at is not None and due_at != self._waits_for:
            self._waits_for = due_at
            self._at(due_at, self._changed)

    def _hear(self, now: datetime) -> None:
        """An event only says where to look. Sometimes what is found is settled late, after others."""
        if self.chance.random() < 0.8:
            self._look(now)
            return
        state, returned = self.platform.read()
        self._at(now + 2 * DAY * self.chance.random(), lambda later: self._settle_late(state, returned, later))

    def _settle_late(self, state: SubscriptionState, returned: Returned, now: datetime) -> None:
        """Only where somebody has asked since: else it would be the last that is known, and a look puts it right."""
        before = self.platform.known
        if before.asked_at is not None and state.asked_at < before.asked_at:
            self.platform.settle(state, returned, now)
            assert self.platform.known == before

    # Looking.

    def _looks_after(self, instant: datetime) -> None:
        for hours in range(1, LOOKS_AFTER + 1):
            self._look_at(_whole_hour(instant) + hours * HOUR)

    def _look_at(self, instant: datetime) -> None:
        """Where the scheduler is down then, when it is back."""
        down = next((outage for outage in self.outages if outage[0] <= instant < outage[1]), None)
        if down is not None:
            self._at(instant, self._nobody_is_let_in_for_nothing)
            instant = down[1]
        if instant >= self.stripe.began_at and instant not in self._looks:
            self._looks.add(instant)
            self._at(instant, self._look)

    def _look(self, now: datetime) -> None:
        state, returned = self.platform.read()
        self.seen.append((now, state, returned))
        self.platform.settle(state, returned, now)
        self.mails.look(self.stripe, now)
        code = self.platform.verdict(now)
        self.codes.add(code)
        assert code == model.verdict(self.stripe, now), (now, self.stripe, self.platform.known)
        assert self.platform.told() == +self.mails.told, (now, self.stripe, self.platform.mails)

    def _nobody_is_let_in_for_nothing(self, now: datetime) -> None:
        """Though nobody looks, time alone ends what was not paid."""
        if now >= self.stripe.began_at and self.platform.known.asked_at is not None:
            is_let_in = self.platform.verdict(now) in {"VALID", "GRACE"}
            assert not is_let_in or now < model.paid_until(self.stripe) + model.GRACE

    def _sample(self, now: datetime) -> None:
        if self.stripe.began_at <= now:
            self._look(now)
            self.samples[now] = Sample(self.platform.paying(), model.monthly_micros(self.stripe, now))

    def _at(self, instant: datetime, work: Work) -> None:
        heapq.heappush(self._queue, (instant, next(self._numbers), work))


def _whole_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def outages_by_chance(chance: random.Random) -> list[Outage]:
    """Of some hours to six days, about one a month."""
    begins = [BEGIN + timedelta(hours=chance.randrange(365 * 24)) for _ in range(12)]
    return [(at, at + timedelta(hours=chance.randrange(3, 6 * 24))) for at in sorted(begins)]
