"""What a subscription is, from what Stripe says of it now and the time: the one table of its states.

    first that holds                                        status        standing     reason
    it ended here for good (*)                              as it was     as it was    as it was
    a dispute of it was lost                                canceled      revoked      dispute_lost
    its running period's money went back whole              canceled      revoked      refunded
    Stripe: incomplete_expired                              expired       void         never_paid
    Stripe: canceled, and nothing was ever paid or tried    canceled      void         never_paid
    Stripe: canceled                                        canceled      revoked      canceled
    Stripe: incomplete                                      incomplete    pending      never_paid
    a dispute of it is open                                 suspended     suspended    dispute
    an invoice failed too often, and one is still unpaid    suspended     suspended    payment_failed
    an invoice failed, and the grace is over                suspended     suspended    grace_over
    an invoice failed                                       past_due      good
    Stripe: unpaid                                          suspended     suspended    payment_failed
    Stripe: past_due                                        past_due      good
    Stripe: paused (a trial ended without a card)           paused        suspended    paused
    paused here, and what was paid is used up               paused        suspended    paused
    paused here                                             paused        good
    Stripe: trialing                                        trialing      good
    Stripe: active, and nothing was paid yet                active        pending      never_paid
    Stripe: active                                          active        good

(*) Whose license an operator revoked ended by that, whatever Stripe says: canceled, revoked, license_revoked.

`expires_at` is the end of the last paid period, or of a trial; only a paid invoice that sells a period moves it. Past
it the license lives on for the grace, whatever the status, and then not: time alone sees to that. So no order of
events, no loss of one and no late state ends otherwise than the last state does. Pure.

"Paused here" is a pause of collection that carries our label (`SubscriptionState.paused_at`); one that somebody else
asked Stripe for is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.billing.domain.subscriptions.subscription import (
    FINAL,
    InvoiceState,
    Reason,
    Returned,
    Standing,
    Status,
    Subscription,
    SubscriptionState,
)


@dataclass(frozen=True, slots=True)
class SubscriptionRules:
    """What the settings say."""

    grace: timedelta
    most_failures: int
    check_every: timedelta
    renewal_notice: timedelta
    trial_notice: timedelta


@dataclass(frozen=True, slots=True)
class Judgement:
    """A row of the table."""

    status: Status
    standing: Standing
    reason: Reason | None = None


def judged(
    before: Subscription, state: SubscriptionState, returned: Returned, *, now: datetime, rules: SubscriptionRules
) -> Subscription:
    """The subscription with all that follows from a state of Stripe's. One that was asked for before the last that
    was judged changes nothing."""
    if before.asked_at is not None and state.asked_at < before.asked_at:
        return before
    known = _told(before, state, returned)
    verdict = judgement(known, state, returned, now=now, rules=rules)
    after = replace(known, status=verdict.status, standing=verdict.standing, reason=verdict.reason)
    suspended_at = (before.suspended_at or now) if after.standing is Standing.SUSPENDED else None
    canceled_at = after.canceled_at or (now if after.standing in FINAL else None)
    return replace(after, suspended_at=suspended_at, canceled_at=canceled_at)


def judgement(
    known: Subscription, state: SubscriptionState, returned: Returned, *, now: datetime, rules: SubscriptionRules
) -> Judgement:
    """The first row that holds. `known` has what the state tells."""
    ended = _ended(known, state, returned, now=now)
    if ended is not None:
        return ended
    if state.status == "incomplete":
        return Judgement(Status.INCOMPLETE, Standing.PENDING, Reason.NEVER_PAID)
    return _unpaid(known, state, returned, now=now, rules=rules) or _running(known, state, now=now)


def with_license_revoked(before: Subscription, *, at: datetime) -> Subscription:
    """What it is once an operator has revoked its license (`at`): over for good, as Stripe is to be told. One that has
    ended already stays as it is."""
    if before.standing in FINAL:
        return before
    return replace(
        before,
        status=Status.CANCELED,
        standing=Standing.REVOKED,
        reason=Reason.LICENSE_REVOKED,
        canceled_at=before.canceled_at or at,
        suspended_at=None,
    )


def expiry(state: SubscriptionState, returned: Returned) -> datetime | None:
    """The end of the last period that was paid and not given back, or of a trial that began, whichever is later; None
    where there is none yet. Of two periods the one that begins later is the last: a plan that is changed for one of
    another interval begins a period at once, and what is left of the one before is credited."""
    newest = _newest([invoice for invoice in state.invoices if invoice.id not in returned.refunded_invoices])
    ends = [] if newest is None else [_end(newest)]
    if state.trial_ends_at is not None and state.status not in {"incomplete", "incomplete_expired"}:
        ends.append(state.trial_ends_at)
    return max(ends, default=None)


def failing_invoice(state: SubscriptionState) -> InvoiceState | None:
    """Of the invoices that are due and failed, the one that was tried most often."""
    return max(_failing(state), key=lambda invoice: (invoice.attempts, invoice.created_at), default=None)


def differs(before: Subscription, after: Subscription) -> bool:
    """Whether its license, or whoever looks at it, must hear of the change."""
    return _without_notes(before) != _without_notes(after)


def _without_notes(subscription: Subscription) -> Subscription:
    return replace(subscription, asked_at=None, check_at=None, version=0)


def _told(before: Subscription, state: SubscriptionState, returned: Returned) -> Subscription:
    failing = failing_invoice(state)
    over = before.standing in FINAL
    return replace(
        before,
        stripe_status=state.status,
        stripe_subscription_id=state.id,
        stripe_customer_id=state.customer_id,
        current_period_start_at=state.period_start_at,
        current_period_end_at=state.period_end_at,
        expires_at=before.expires_at if over else expiry(state, returned),
        trial_ends_at=state.trial_ends_at,
        cancel_at_period_end=state.cancel_at_period_end and state.ended_at is None,
        canceled_at=before.canceled_at or state.ended_at,
        payment_failures=failing.attempts if failing else 0,
        failing_invoice_id=failing.id if failing else None,
        paused_at=_paused_at(before, state),
        asked_at=state.asked_at,
    )


def _paused_at(before: Subscription, state: SubscriptionState) -> datetime | None:
    """Our own pause, as Stripe carries it: whoever settles a state repairs what a lost answer left here. One that was
    begun before Stripe carried it lasts as long as nothing is collected."""
    if not state.collection_paused:
        return None
    return state.paused_at or before.paused_at


def _ended(known: Subscription, state: SubscriptionState, returned: Returned, *, now: datetime) -> Judgement | None:
    if known.standing in FINAL:
        return Judgement(known.status, known.standing, known.reason)
    if returned.lost:
        return Judgement(Status.CANCELED, Standing.REVOKED, Reason.DISPUTE_LOST)
    if _gave_running_period_back(state, returned, now=now):
        return Judgement(Status.CANCELED, Standing.REVOKED, Reason.REFUNDED)
    if state.status == "incomplete_expired":
        return Judgement(Status.EXPIRED, Standing.VOID, Reason.NEVER_PAID)
    if state.status == "canceled":
        began = known.expires_at is not None or any(invoice.sells_period for invoice in state.invoices)
        standing = Standing.REVOKED if began else Standing.VOID
        return Judgement(Status.CANCELED, standing, Reason.CANCELED if began else Reason.NEVER_PAID)
    return None


def _gave_running_period_back(state: SubscriptionState, returned: Returned, *, now: datetime) -> bool:
    """Whether the newest period that was paid went back whole while it was still to come or running."""
    newest = _newest(state.invoices)
    return newest is not None and newest.id in returned.refunded_invoices and now < _end(newest)


def _newest(invoices: Iterable[InvoiceState]) -> InvoiceState | None:
    """Of those that sell a period, the one whose period began last."""
    sold = (invoice for invoice in invoices if invoice.sells_period)
    return max(
        sold, key=lambda invoice: (invoice.period_start_at or invoice.created_at, invoice.created_at), default=None
    )


def _end(invoice: InvoiceState) -> datetime:
    assert invoice.period_end_at is not None
    return invoice.period_end_at


def _unpaid(
    known: Subscription, state: SubscriptionState, returned: Returned, *, now: datetime, rules: SubscriptionRules
) -> Judgement | None:
    if returned.disputed:
        return Judgement(Status.SUSPENDED, Standing.SUSPENDED, Reason.DISPUTE)
    if _failed_too_often(state, rules):
        return Judgement(Status.SUSPENDED, Standing.SUSPENDED, Reason.PAYMENT_FAILED)
    if _grace_is_over(known, state, now=now, rules=rules):
        return Judgement(Status.SUSPENDED, Standing.SUSPENDED, Reason.GRACE_OVER)
    if state.status == "unpaid":
        return Judgement(Status.SUSPENDED, Standing.SUSPENDED, Reason.PAYMENT_FAILED)
    if known.payment_failures or state.status == "past_due":
        return Judgement(Status.PAST_DUE, Standing.GOOD)
    return None


def _failed_too_often(state: SubscriptionState, rules: SubscriptionRules) -> bool:
    unpaid = _failing(state)
    return any(invoice.attempts >= rules.most_failures for invoice in [*unpaid, *_paid_meanwhile(state, unpaid)])


def _grace_is_over(known: Subscription, state: SubscriptionState, *, now: datetime, rules: SubscriptionRules) -> bool:
    unpaid = _failing(state)
    late = [(invoice, invoice.paid_at or now) for invoice in _paid_meanwhile(state, unpaid)]
    ends = [(_due_at(known, invoice), at) for invoice, at in [*((each, now) for each in unpaid), *late]]
    return any(due_at is not None and at >= due_at + rules.grace for due_at, at in ends)


def _failing(state: SubscriptionState) -> list[InvoiceState]:
    return [invoice for invoice in state.invoices if invoice.is_failing]


def _paid_meanwhile(state: SubscriptionState, unpaid: list[InvoiceState]) -> list[InvoiceState]:
    """Invoices that were paid while one that still fails was waiting already. What they had suspended stays so until
    that one is paid as well, whether or not anybody looked in between."""
    since = min((invoice.created_at for invoice in unpaid), default=None)
    if since is None:
        return []
    return [invoice for invoice in state.invoices if invoice.status == "paid" and (invoice.paid_at or since) > since]


def _due_at(known: Subscription, invoice: InvoiceState) -> datetime | None:
    """From when its grace counts: the end of what is paid, or, of a period that later ones were paid past, its own
    beginning."""
    paid_past = invoice.period_end_at is not None and known.expires_at is not None
    if paid_past and _end(invoice) <= (known.expires_at or _end(invoice)):
        return invoice.period_start_at
    return known.expires_at


def _running(known: Subscription, state: SubscriptionState, *, now: datetime) -> Judgement:
    if state.status == "paused":
        return Judgement(Status.PAUSED, Standing.SUSPENDED, Reason.PAUSED)
    if known.paused_at is not None and (known.expires_at is None or now >= known.expires_at):
        return Judgement(Status.PAUSED, Standing.SUSPENDED, Reason.PAUSED)
    if known.paused_at is not None:
        return Judgement(Status.PAUSED, Standing.GOOD)
    if state.status == "trialing":
        return Judgement(Status.TRIALING, Standing.GOOD)
    if known.expires_at is None:
        return Judgement(Status.ACTIVE, Standing.PENDING, Reason.NEVER_PAID)
    return Judgement(Status.ACTIVE, Standing.GOOD)
