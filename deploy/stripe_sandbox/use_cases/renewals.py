"""What time does to subscriptions and invoices: new periods, trials that end, planned ends, final drafts, attempts.

Every verb asks first whether its hour has really come: a change may have moved what a timer once waited for.
"""

from collections.abc import Callable

from deploy.stripe_sandbox.domain import billing_periods, invoices, subscriptions
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing, standing
from deploy.stripe_sandbox.use_cases import subscription_parts as parts
from deploy.stripe_sandbox.use_cases.payable import void_first_invoice
from deploy.stripe_sandbox.use_cases.previews import upcoming
from deploy.stripe_sandbox.use_cases.turn import Turn


def due(turn: Turn, subscription_id: str) -> None:
    """A subscription's instant: its expiry, its planned end, or its next period, whichever has come."""
    subscription = turn.find("subscription", subscription_id)
    if subscription["status"] == subscriptions.INCOMPLETE:
        if turn.now >= subscription["created"] + subscriptions.EXPIRES_AFTER_SECONDS:
            expire(turn, subscription)
    elif subscriptions.ends_at(subscription, now=turn.now):
        standing.end(turn, subscription, reason="cancellation_requested")
    elif subscription["status"] in subscriptions.RENEWING and subscriptions.period_of(subscription)[1] <= turn.now:
        _renew(turn, subscription)


def expire(turn: Turn, subscription: Json) -> Json:
    """The end of a subscription whose first invoice never was paid."""
    void_first_invoice(turn, subscription)
    return standing.change(turn, subscription, subscriptions.expired(subscription, now=turn.now))


def trial_will_end(turn: Turn, subscription_id: str) -> None:
    subscription = turn.find("subscription", subscription_id)
    if subscription["status"] != subscriptions.TRIALING:
        return
    if subscription["trial_end"] - parts.TOLD_BEFORE_TRIAL_END <= turn.now:
        turn.emit("customer.subscription.trial_will_end", subscription)


def tell_upcoming(turn: Turn, subscription_id: str) -> None:
    subscription = turn.find("subscription", subscription_id)
    end = subscriptions.period_of(subscription)[1]
    if subscription["status"] not in subscriptions.RENEWING or subscription["cancel_at_period_end"]:
        return
    if end - parts.TOLD_BEFORE_RENEWAL <= turn.now < end:
        turn.emit("invoice.upcoming", upcoming(turn, subscription))


def collect_again(turn: Turn, subscription_id: str) -> None:
    """The end of a pause of collection."""
    subscription = turn.find("subscription", subscription_id)
    paused = subscription["pause_collection"]
    if paused is not None and paused["resumes_at"] is not None and paused["resumes_at"] <= turn.now:
        standing.change(turn, subscription, {**subscription, "pause_collection": None})


def finalize_due(turn: Turn, invoice_id: str) -> None:
    """A draft an hour old: final, and charged, unless collection is paused."""
    invoice = turn.find("invoice", invoice_id)
    at = invoice["automatically_finalizes_at"]
    if invoice["status"] != invoices.DRAFT or at is None or at > turn.now:
        return
    subscription = turn.find("subscription", invoices.subscription_of(invoice))
    paused = subscription["pause_collection"]
    if paused is not None and paused["behavior"] == "keep_as_draft":
        turn.store.objects.save(invoices.given_up(invoice))
        return
    invoice = invoicing.finalize(turn, invoice)
    if invoice["status"] != invoices.OPEN:
        return
    if paused is None:
        invoicing.collect_by_itself(turn, invoice)
    elif paused["behavior"] == "void":
        invoicing.void(turn, invoice)
    else:
        invoicing.mark_uncollectible(turn, invoice)


def retry_due(turn: Turn, invoice_id: str) -> None:
    invoice = turn.find("invoice", invoice_id)
    at = invoice["next_payment_attempt"]
    if invoice["status"] == invoices.OPEN and at is not None and at <= turn.now:
        invoicing.collect_by_itself(turn, invoice)


def _renew(turn: Turn, before: Json) -> None:
    """The next period begins: its invoice is drawn up, to be charged an hour later."""
    was_trial = before["status"] == subscriptions.TRIALING
    if was_trial and invoicing.method_of(turn, before) is None and _without_card(turn, before):
        return
    start, end = subscriptions.period_of(before)
    items = subscriptions.items_of(before)
    recurring = subscriptions.recurring_of(items)
    period = (end, billing_periods.end_after(before["billing_cycle_anchor"], recurring, end))
    items = [subscriptions.in_period(item, period) for item in items]
    invoice_id = turn.new_id("invoice")
    after = subscriptions.with_items({**subscriptions.trial_over(before), "latest_invoice": invoice_id}, items)
    collects = before["status"] != subscriptions.UNPAID
    lines = invoicing.period_lines(turn, invoice_id, items)
    invoice = invoicing.draw_up(
        turn, invoice_id, after, lines, reason=invoices.CYCLE, period=(start, end), auto_advance=collects
    )
    parts.await_notices(turn, standing.change(turn, before, after))
    if invoice["automatically_finalizes_at"] is not None:
        turn.store.timers.add(invoicing.FINALIZE, invoice_id, at=invoice["automatically_finalizes_at"])


def _without_card(turn: Turn, subscription: Json) -> bool:
    """What was asked for a trial that ends without a card; whether that was all."""
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "cancel":
        standing.end(turn, subscription, reason="cancellation_requested")
    elif behavior == "pause":
        after = subscriptions.paused(subscription, now=turn.now)
        standing.change(turn, subscription, after, told_as="customer.subscription.paused")
    return bool(behavior != "create_invoice")


# A timer's verb -> what it does.
VERBS: dict[str, Callable[[Turn, str], None]] = {
    standing.DUE: due,
    parts.TRIAL_WILL_END: trial_will_end,
    parts.UPCOMING: tell_upcoming,
    parts.COLLECT_AGAIN: collect_again,
    invoicing.FINALIZE: finalize_due,
    invoicing.RETRY: retry_due,
}
