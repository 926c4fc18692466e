"""What a version of a rule would have done to payments that were judged before: flips, precision, recall, value, load.

Past payments are judged twice on the signals and the model's probability that were kept: by the rules that are live
now, and by the same with the version in its rule's place. So all that differs is the version's doing. What the gates
(the blacklist) decided is no rule's matter and is left out. Amounts are US cents.

What is known of a payment comes from labels; of most nothing is, and nearly all of those were honest: a payment that
goes on today, is not known to be fraud and would be stopped counts as harm.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.fraud.domain.rules.rule import Version, share
from services.fraud.domain.rules.ruleset import Fired, RuleSet
from services.fraud.domain.score import Decision, Limits, decision_of, score_of
from services.fraud.domain.signals import Signals

DECISIONS: tuple[Decision, ...] = ("allow", "review", "block")
HARMFUL_SHARE = 0.01
"""Of the payments that go on today: a rule that stops more of them is said to do harm, unless most were fraud."""
MOST_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Past:
    """A payment as it was judged. `is_fraud` is what is known now; None where nothing is."""

    payment_id: str
    account_id: str
    at: datetime
    amount_usd_minor: int
    signals: Signals
    probability_ppm: int
    is_fraud: bool | None


@dataclass(slots=True)
class Count:
    """Payments and their sum, by what is known of them."""

    payments: int = 0
    amount_usd_minor: int = 0
    fraud: int = 0
    honest: int = 0
    unknown: int = 0

    def add(self, past: Past) -> None:
        self.payments += 1
        self.amount_usd_minor += past.amount_usd_minor
        self.fraud += past.is_fraud is True
        self.honest += past.is_fraud is False
        self.unknown += past.is_fraud is None

    @property
    def precision(self) -> float | None:
        """The share of fraud in what is known."""
        return share(self.fraud, self.fraud + self.honest)


@dataclass(slots=True)
class Counts:
    """One way of judging: payments by decision."""

    by_decision: dict[Decision, Count] = field(default_factory=lambda: {each: Count() for each in DECISIONS})

    def add(self, past: Past, decision: Decision) -> None:
        self.by_decision[decision].add(past)

    @property
    def stopped(self) -> Count:
        """What was held or blocked."""
        held, blocked = self.by_decision["review"], self.by_decision["block"]
        return Count(
            held.payments + blocked.payments,
            held.amount_usd_minor + blocked.amount_usd_minor,
            held.fraud + blocked.fraud,
            held.honest + blocked.honest,
            held.unknown + blocked.unknown,
        )

    def recall(self) -> float | None:
        """The share of all known fraud that was stopped."""
        return share(self.stopped.fraud, sum(each.fraud for each in self.by_decision.values()))


class Backtest:
    """Looks at one past payment after another, and sums up. `live` are the versions that judge now."""

    def __init__(self, candidate: Version, live: Sequence[Version], limits: Limits) -> None:
        others = [each for each in live if each.rule_id != candidate.rule_id and each.state == "live"]
        own = [each for each in live if each.rule_id == candidate.rule_id and each.state == "live"]
        self._others = RuleSet.of(others)
        self._own = RuleSet.of(own)
        self._candidate = RuleSet.of([replace(candidate, state="live")])
        self._limits = limits
        self.before, self.after, self.fired = Counts(), Counts(), Count()
        self.failed = 0
        self.flipped: dict[tuple[Decision, Decision], Count] = {}
        self.harmed, self.let_go = Count(), Count()
        self.harmed_accounts: set[str] = set()
        self.examples: list[str] = []

    def look(self, past: Past) -> None:
        """Judge a payment both ways."""
        others = self._others.judge(past.signals, at=past.at).fired
        own = self._own.judge(past.signals, at=past.at).fired
        tried = self._candidate.judge(past.signals, at=past.at)
        before, after = self._decided(past, (*others, *own)), self._decided(past, (*others, *tried.fired))
        self.failed += bool(tried.failed)
        self.before.add(past, before)
        self.after.add(past, after)
        if tried.fired:
            self.fired.add(past)
        if before != after:
            self._flip(past, before, after)

    def _decided(self, past: Past, fired: Sequence[Fired]) -> Decision:
        weights = (each.weight_bp for each in fired)
        return decision_of(score_of(past.probability_ppm, weights), self._limits)

    def _flip(self, past: Past, before: Decision, after: Decision) -> None:
        self.flipped.setdefault((before, after), Count()).add(past)
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(past.payment_id)
        if before == "allow" and past.is_fraud is not True:
            self.harmed.add(past)
            self.harmed_accounts.add(past.account_id)
        if after == "allow" and past.is_fraud is True:
            self.let_go.add(past)

    @property
    def payments(self) -> int:
        return sum(each.payments for each in self.before.by_decision.values())

    @property
    def is_harmful(self) -> bool:
        """Whether it would stop more than one in a hundred of those who go on today and most of whom are not known to
        be fraud, or let known fraud go."""
        went_on = self.before.by_decision["allow"]
        stopped = self.harmed.payments
        caught = sum(count.fraud for (before, _), count in self.flipped.items() if before == "allow")
        stops_many = stopped > caught and stopped > HARMFUL_SHARE * went_on.payments
        return stops_many or self.let_go.payments > 0


@dataclass(frozen=True, slots=True)
class Period:
    """What was looked at. `skipped` payments were judged by other signals than there are now; where `is_cut` there
    were more than were looked at, and the newest were."""

    days: int
    since: datetime
    until: datetime
    skipped: int
    is_cut: bool


def report_of(backtest: Backtest, period: Period) -> dict[str, object]:
    """The backtest as operators read it, and as it is kept."""
    before, after = backtest.before, backtest.after
    return {
        "from": _told(period.since),
        "to": _told(period.until),
        "days": period.days,
        "payments": backtest.payments,
        "skipped": period.skipped,
        "cut": period.is_cut,
        "fired": _count(backtest.fired),
        "failed": backtest.failed,
        "precision": backtest.fired.precision,
        "recall": share(backtest.fired.fraud, _known_fraud(before)),
        "flips": [_flip(*decisions, count) for decisions, count in sorted(backtest.flipped.items())],
        "before": _counts(before, period.days),
        "after": _counts(after, period.days),
        "harm": {
            "honest_stopped": {**_count(backtest.harmed), "accounts": len(backtest.harmed_accounts)},
            "fraud_let_go": _count(backtest.let_go),
        },
        "harmful": backtest.is_harmful,
        "warnings": list(_warnings(backtest, period)),
        "examples": list(backtest.examples),
    }


def _told(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _known_fraud(counts: Counts) -> int:
    return sum(each.fraud for each in counts.by_decision.values())


def _count(count: Count) -> dict[str, int]:
    return {
        "payments": count.payments,
        "amount_usd_minor": count.amount_usd_minor,
        "known_fraud": count.fraud,
        "known_honest": count.honest,
        "unknown": count.unknown,
    }


def _flip(before: Decision, after: Decision, count: Count) -> dict[str, object]:
    return {"from": before, "to": after, **_count(count)}


def _counts(counts: Counts, days: int) -> dict[str, object]:
    payments: Mapping[str, int] = {each: counts.by_decision[each].payments for each in DECISIONS}
    return {
        **payments,
        "precision": counts.stopped.precision,
        "recall": counts.recall(),
        "blocked_usd_minor": counts.by_decision["block"].amount_usd_minor,
        "reviews_per_day": round(counts.by_decision["review"].payments / days, 2),
    }


def _warnings(backtest: Backtest, period: Period) -> Iterator[str]:
    if backtest.payments == 0:
        yield "No payment of this time can be judged again: this says nothing about the rule."
        return
    harmed, went_on = backtest.harmed.payments, backtest.before.by_decision["allow"].payments
    if harmed:
        yield (
            f"It would stop {harmed} of {went_on} payments that go on today and are not known to be fraud,"
            f" of {len(backtest.harmed_accounts)} accounts."
        )
    if backtest.let_go.payments:
        yield f"It would let {backtest.let_go.payments} payments go that are known to be fraud and are stopped today."
    if backtest.failed:
        yield f"It could not be evaluated on {backtest.failed} payments, and did not fire there."
    if backtest.fired.payments == 0:
        yield "It fires on no payment of this time."
    if _known_fraud(backtest.before) == 0:
        yield "No payment of this time is known to be fraud: precision and recall cannot be said."
    if period.is_cut:
        yield f"Only the newest {backtest.payments + period.skipped} payments were looked at."
