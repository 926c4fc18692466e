"""The platform's own rules, put together without I/O: a subscription that is settled, its license that follows, its
mails."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.billing.domain.subscriptions.deeds import DeedKind, deeds_wanted
from services.billing.domain.subscriptions.notices import Notice, notices_of_change, notices_of_time
from services.billing.domain.subscriptions.plan import Plan, PlanId
from services.billing.domain.subscriptions.recurring import Paying
from services.billing.domain.subscriptions.standing import SubscriptionRules, differs, judged
from services.billing.domain.subscriptions.subscription import (
    InvoiceState,
    Returned,
    Subscription,
    SubscriptionId,
    SubscriptionState,
)
from services.billing.use_cases.subscription_news import facts_of
from services.licensing.domain.license import BillingNews, License, LicenseId, Origin, followed
from services.licensing.domain.verdict import judge
from services.licensing.events.billing import news_of
from shared.money import Money
from tests.properties.subscriptions_year.stripe_model import StripeSubscription

DAY = timedelta(days=1)
RULES = SubscriptionRules(
    grace=3 * DAY, most_failures=3, check_every=timedelta(hours=1), renewal_notice=DAY, trial_notice=3 * DAY
)
_ASKED = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass
class Platform:
    """One subscription and its license. News comes in order, but old news may come again at any time."""

    stripe: StripeSubscription
    chance: random.Random
    plan: Plan = field(init=False)
    known: Subscription = field(init=False)
    license: License = field(init=False)
    heard: list[BillingNews] = field(default_factory=list)
    mails: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    has_paid: bool = False

    def __post_init__(self) -> None:
        price, began_at = Money(self.stripe.price_minor, "usd"), self.stripe.began_at
        self.plan = Plan(PlanId("a-plan"), "A plan", price, "month", self.stripe.months)
        self.known = Subscription(SubscriptionId("sub_1"), "acct_1", self.plan.id, price, began_at)
        self.license = License(
            LicenseId("lic_1"), "acct_1", None, Origin.SUBSCRIPTION, began_at, subscription_id=self.known.id
        )

    def read(self) -> tuple[SubscriptionState, Returned]:
        """What Stripe says now; each question is later than the last."""
        self.asked += 1
        return state_of(self.stripe, _ASKED + timedelta(microseconds=self.asked)), returned_of(self.stripe)

    def settle(self, state: SubscriptionState, returned: Returned, now: datetime) -> None:
        before, after = self.known, judged(self.known, state, returned, now=now, rules=RULES)
        if differs(before, after):
            after = replace(after, version=before.version + 1)
            self._tell(after)
        self.known = after
        self.has_paid |= any(invoice.status == "paid" and invoice.costs for invoice in state.invoices)
        if before.asked_at is None or state.asked_at >= before.asked_at:
            for notice in self._notices(before, after, state, now):
                self.mails.setdefault(notice.key, notice.kind.value)
            if any(deed.kind is DeedKind.CANCEL for deed in deeds_wanted(after, state)):
                self.stripe.cancel(now)

    def verdict(self, now: datetime) -> str:
        return judge(self.license, now=now).code.value

    def paying(self) -> Paying:
        known = self.known
        return Paying(
            *(known.status, known.standing, known.expires_at),
            *(self.plan.price, "month", self.plan.interval_count, self.has_paid),
        )

    def told(self) -> Counter[str]:
        return Counter(self.mails.values())

    def _notices(
        self, before: Subscription, after: Subscription, state: SubscriptionState, now: datetime
    ) -> Iterator[Notice]:
        if after.version > before.version:
            yield from notices_of_change(before, after, state)
        yield from notices_of_time(after, now=now, rules=RULES)

    def _tell(self, after: Subscription) -> None:
        self.heard.append(news_of(facts_of(after, self.plan, RULES)))
        self.license = followed(self.license, self.heard[-1])
        again = self.chance.choice(self.heard)
        self.license = followed(self.license, again)


def state_of(stripe: StripeSubscription, asked_at: datetime) -> SubscriptionState:
    return SubscriptionState(
        id=stripe.id,
        customer_id="cus_1",
        status=stripe.status,
        price_id="price_1",
        item_id="si_1",
        period_start_at=stripe.period_start_at,
        period_end_at=stripe.period_end_at,
        cancel_at_period_end=stripe.cancel_at_period_end,
        canceled_at=stripe.ended_at,
        ended_at=stripe.ended_at,
        trial_ends_at=stripe.trial_ends_at,
        collection_paused=False,
        livemode=False,
        asked_at=asked_at,
        invoices=tuple(_invoices(stripe)),
    )


def _invoices(stripe: StripeSubscription) -> Iterator[InvoiceState]:
    for number, invoice in reversed(list(enumerate(stripe.invoices))):
        yield InvoiceState(
            id=invoice.id,
            status=invoice.status,
            billing_reason="subscription_cycle" if number else "subscription_create",
            currency="usd",
            total_minor=invoice.total_minor,
            paid_minor=invoice.total_minor if invoice.status == "paid" else 0,
            attempts=invoice.attempts,
            created_at=invoice.created_at,
            period_start_at=invoice.start_at,
            period_end_at=invoice.end_at,
            next_attempt_at=stripe.retries.get(invoice.id),
            paid_at=invoice.paid_at,
        )


def returned_of(stripe: StripeSubscription) -> Returned:
    return Returned(frozenset(stripe.refunded), stripe.dispute == "open", stripe.dispute == "lost")
