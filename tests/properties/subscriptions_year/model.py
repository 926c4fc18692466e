"""What a license ought to be, worked out anew from the promises and from what has happened at Stripe; none of the
services' code is used.

A license is good until the end of what was paid, and three days longer. It is suspended by an open dispute, by a third
failed payment, and by one that is not made good within those three days; payment undoes the last two, winning the
first. It is revoked for good when the subscription ends, when a dispute is lost, and when the running period's money
goes back.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.properties.subscriptions_year.stripe_model import Invoice, StripeSubscription

GRACE, AHEAD, TRIAL_AHEAD, MOST_FAILURES = timedelta(days=3), timedelta(days=1), timedelta(days=3), 3


def paid_until(stripe: StripeSubscription) -> datetime:
    ends = [invoice.end_at for invoice in stripe.invoices if invoice.status == "paid" and invoice.total_minor > 0]
    return max([*ends, stripe.trial_ends_at] if stripe.trial_ends_at else ends)


def is_over(stripe: StripeSubscription) -> bool:
    return stripe.ended_at is not None or stripe.dispute == "lost" or bool(stripe.refunded)


def late(stripe: StripeSubscription) -> list[Invoice]:
    return [invoice for invoice in stripe.invoices if invoice.status == "open" and invoice.attempts > 0]


def is_suspended(stripe: StripeSubscription, now: datetime) -> bool:
    unpaid = late(stripe)
    failed = any(invoice.attempts >= MOST_FAILURES for invoice in unpaid)
    return stripe.dispute == "open" or failed or bool(unpaid and now >= paid_until(stripe) + GRACE)


def verdict(stripe: StripeSubscription, now: datetime) -> str:
    if is_over(stripe):
        return "REVOKED"
    if is_suspended(stripe, now):
        return "SUSPENDED"
    if now < paid_until(stripe):
        return "VALID"
    return "GRACE" if now < paid_until(stripe) + GRACE else "EXPIRED"


def monthly_micros(stripe: StripeSubscription, now: datetime) -> int:
    """What it brings by the month: nothing while it is tried, nor until its first payment, suspended or over."""
    has_paid = any(invoice.status == "paid" and invoice.total_minor > 0 for invoice in stripe.invoices)
    if is_over(stripe) or is_suspended(stripe, now) or not has_paid:
        return 0
    return stripe.price_minor * 10_000 // stripe.months


@dataclass
class MailModel:
    """Which mails ought to have gone out, from what could be seen whenever somebody looked: each thing is told at the
    first look that finds it, and what nobody saw is not told. Of several unpaid invoices the one is told of that was
    tried most often, unless it was drawn up while the subscription was suspended for another one already. A payment
    that restores has no receipt beside."""

    told: Counter[str] = field(default_factory=Counter)
    _things: set[tuple[str, object]] = field(default_factory=set)
    _was_suspended: bool = False
    _suspended_since: datetime | None = None
    _late_since: datetime | None = None
    _was_leaving: bool = False
    _is_over: bool = False

    def look(self, stripe: StripeSubscription, now: datetime) -> None:
        if self._is_over:
            return
        if is_over(stripe):
            self._is_over = True
            self.told["subscription_canceled"] += not self._was_leaving
            return
        was_suspended = self._was_suspended
        self._changes(stripe, now)
        if late(stripe):
            worst = max(late(stripe), key=lambda invoice: (invoice.attempts, invoice.created_at))
            was_late = self._late_since is not None and worst.created_at > self._late_since
            for failure in range(1, worst.attempts + 1):
                self._once("payment_failed", (worst.id, failure), told_otherwise=was_late)
        for invoice in stripe.invoices[1:]:
            if invoice.status == "paid":
                told_by_restoring = was_suspended or self._was_suspended
                self._once("subscription_renewed", invoice.id, told_otherwise=told_by_restoring)
        self._suspended_since = (self._suspended_since or now) if self._was_suspended else None
        self._late_since = None if stripe.dispute == "open" else self._suspended_since
        self._ahead(stripe, now)

    def _changes(self, stripe: StripeSubscription, now: datetime) -> None:
        suspended, leaving = is_suspended(stripe, now), stripe.cancel_at_period_end
        self.told["subscription_suspended"] += suspended and not self._was_suspended
        self.told["subscription_restored"] += self._was_suspended and not suspended
        self.told["subscription_canceled"] += leaving and not self._was_leaving
        self.told["subscription_goes_on"] += self._was_leaving and not leaving and not suspended
        self._was_suspended, self._was_leaving = suspended, leaving

    def _ahead(self, stripe: StripeSubscription, now: datetime) -> None:
        ends_at, left = paid_until(stripe), paid_until(stripe) - now
        if stripe.cancel_at_period_end or is_suspended(stripe, now) or late(stripe) or left <= timedelta(0):
            return
        if stripe.status == "trialing" and left <= TRIAL_AHEAD:
            self._once("trial_ending", ends_at)
        if stripe.status == "active" and left <= AHEAD:
            self._once("renewal_upcoming", ends_at)

    def _once(self, kind: str, thing: object, *, told_otherwise: bool = False) -> None:
        if (kind, thing) not in self._things:
            self._things.add((kind, thing))
            self.told[kind] += not told_otherwise
