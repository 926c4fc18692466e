"""Invoices that are not there yet: what a subscription will cost next, as it is or after a change. Nothing is kept."""

from deploy.stripe_sandbox.domain import billing_periods, invoice_lines, invoices, proration, subscriptions
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing, subscription_changes
from deploy.stripe_sandbox.use_cases.subscription_parts import as_items, in_new_period
from deploy.stripe_sandbox.use_cases.turn import Turn


def upcoming(turn: Turn, subscription: Json) -> Json:
    """The next period's invoice, with what waits for it."""
    return _next(turn, subscription, [], at=turn.now)


def preview_change(turn: Turn, before: Json, given: Json) -> Json:
    """What the change would cost: at once where it begins a new period or is to be invoiced, else next time."""
    after = subscription_changes.changed(turn, before, given)
    at = given.get("proration_date", turn.now)
    anew = subscription_changes.begins_anew(before, after, given)
    lines = subscription_changes.changed_lines(before, after, given, anew=anew, at=at)
    if anew:
        after = in_new_period(turn, after)
        items = subscriptions.items_of(after)
        return _preview(turn, after, lines, items, reason=invoices.UPDATE, at=at)
    if given.get("proration_behavior") == "always_invoice":
        return _preview(turn, after, lines, [], reason=invoices.UPDATE, at=at)
    return _next(turn, after, lines, at=at)


def _next(turn: Turn, subscription: Json, lines: list[proration.Proration], *, at: int) -> Json:
    end = subscriptions.period_of(subscription)[1]
    ends_at = subscription["cancel_at"]
    if subscription["status"] in subscriptions.ENDED or (ends_at is not None and ends_at <= end):
        raise StripeError(
            f"No upcoming invoices for customer: {subscription['customer']}", status=404, code="invoice_upcoming_none"
        )
    recurring = subscriptions.recurring_of(subscriptions.items_of(subscription))
    period = (end, billing_periods.end_after(subscription["billing_cycle_anchor"], recurring, end))
    items = [subscriptions.in_period(item, period) for item in subscriptions.items_of(subscription)]
    return _preview(turn, subscription, lines, items, reason="upcoming", at=at)


def _preview(
    turn: Turn, subscription: Json, prorations: list[proration.Proration], items: list[Json], *, reason: str, at: int
) -> Json:
    invoice_id = turn.new_id("upcoming_invoice")
    waiting = invoicing.pending_items(turn, subscription["id"])
    waiting += as_items(turn, subscription, prorations, at=at)
    lines = [invoice_lines.item_line(turn.new_id("line_item"), item, invoice_id=invoice_id) for item in waiting]
    lines += invoicing.period_lines(turn, invoice_id, items)
    customer = turn.find("customer", subscription["customer"])
    invoice = invoices.new_invoice(
        invoice_id,
        subscription=subscription,
        customer=customer,
        lines=lines,
        reason=reason,
        period=subscriptions.period_of(subscription),
        auto_advance=False,
        now=turn.now,
    )
    due = invoice["total"] + customer["balance"]
    invoice = {**invoice, "amount_due": max(due, 0), "amount_remaining": max(due, 0)}
    return {**invoice, "starting_balance": customer["balance"], "ending_balance": min(due, 0)}
