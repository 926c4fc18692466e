"""Subscriptions as their API asks for them: made, canceled, resumed; changes are `subscription_changes`, what time
does is `renewals`."""

from deploy.stripe_sandbox.domain import billing_periods, invoices, proration, subscriptions
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing, standing
from deploy.stripe_sandbox.use_cases.payable import DEFAULT_INCOMPLETE, check_complete, settle, void_first_invoice
from deploy.stripe_sandbox.use_cases.subscription_parts import (
    await_notices,
    check_method,
    in_new_period,
    priced,
    trial_end_of,
    wait_for_invoice,
)
from deploy.stripe_sandbox.use_cases.turn import Turn


def create(turn: Turn, given: Json) -> Json:
    """The new subscription, its first invoice paid if the default card pays.

    A refused payment leaves it incomplete, or with `error_if_incomplete` undoes all.
    """
    customer = turn.referred("customer", given["customer"], param="customer")
    check_method(turn, given, customer["id"])
    subscription = begin(turn, customer["id"], given)
    invoice = turn.find("invoice", subscription["latest_invoice"])
    if invoice["status"] != invoices.OPEN or given.get("payment_behavior") == DEFAULT_INCOMPLETE:
        return subscription
    method = invoicing.method_of(turn, subscription)
    if method is None:
        raise StripeError(
            "This customer has no attached payment source or default payment method. Please consider adding a default "
            "payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/"
            "payment-methods-setting#payment-method-priority.",
            code="resource_missing",
        )
    attempt = invoicing.collect(turn, invoice, method)
    check_complete(given, attempt.decline, waits=attempt.intent["status"] == "requires_action")
    return turn.find("subscription", subscription["id"])


def begin(turn: Turn, customer_id: str, given: Json) -> Json:
    """The subscription with its first invoice, final and not yet charged: incomplete unless nothing is due."""
    given = {**given, "trial_end": trial_end_of(given, now=turn.now)}
    subscription_id, invoice_id = turn.new_id("subscription"), turn.new_id("invoice")
    prices = [priced(turn, wanted, f"items[{place}]") for place, wanted in enumerate(given["items"])]
    trial_end = given["trial_end"]
    end = trial_end or billing_periods.end_after(turn.now, prices[0]["recurring"], turn.now)
    items = [
        subscriptions.new_item(
            turn.new_id("subscription_item"),
            subscription_id=subscription_id,
            price=price,
            quantity=wanted.get("quantity", 1),
            metadata=wanted.get("metadata"),
            period=(turn.now, end),
            now=turn.now,
        )
        for wanted, price in zip(given["items"], prices, strict=True)
    ]
    subscriptions.check_items(items)
    status = subscriptions.TRIALING if trial_end else subscriptions.INCOMPLETE
    subscription = subscriptions.new_subscription(
        subscription_id, customer_id=customer_id, items=items, given=given, status=status, now=turn.now
    )
    subscription = {**subscription, "latest_invoice": invoice_id}
    standing.keep_new(turn, subscription)
    await_notices(turn, subscription)
    turn.emit("customer.subscription.created", subscription)
    lines = invoicing.period_lines(turn, invoice_id, items, trial=trial_end is not None)
    period = (turn.now, turn.now)
    invoice = invoicing.draw_up(turn, invoice_id, subscription, lines, reason=invoices.CREATE, period=period)
    invoicing.finalize(turn, invoice)
    return turn.find("subscription", subscription_id)


def cancel(turn: Turn, subscription: Json, given: Json) -> Json:
    """Ends it now; with `prorate` unused time is given back, with `invoice_now` what waits is invoiced."""
    subscriptions.check_living(subscription)
    if given.get("prorate") and subscription["status"] != subscriptions.TRIALING:
        found = [proration.unused(item, at=turn.now) for item in subscriptions.items_of(subscription)]
        wait_for_invoice(turn, subscription, [line for line in found if line.amount_minor], at=turn.now)
    if subscription["status"] == subscriptions.INCOMPLETE:
        void_first_invoice(turn, subscription)
    details = given.get("cancellation_details")
    after = standing.end(turn, subscription, reason="cancellation_requested", details=details)
    if given.get("invoice_now") and invoicing.pending_items(turn, after["id"]):
        period = (subscriptions.period_of(after)[0], turn.now)
        invoice_id = turn.new_id("invoice")
        after = standing.change(turn, after, {**after, "latest_invoice": invoice_id})
        invoice = invoicing.draw_up(turn, invoice_id, after, [], reason=invoices.UPDATE, period=period)
        settle(turn, invoicing.finalize(turn, invoice), {})
    return turn.find("subscription", after["id"])


def resume(turn: Turn, before: Json, given: Json) -> Json:
    """A paused subscription goes on: a new period begins and is charged."""
    after = in_new_period(turn, subscriptions.resumed(before))
    invoice_id = turn.new_id("invoice")
    after = standing.change(
        turn, before, {**after, "latest_invoice": invoice_id}, told_as="customer.subscription.resumed"
    )
    await_notices(turn, after)
    lines = invoicing.period_lines(turn, invoice_id, subscriptions.items_of(after))
    period = (turn.now, turn.now)
    invoice = invoicing.draw_up(turn, invoice_id, after, lines, reason=invoices.UPDATE, period=period)
    settle(turn, invoicing.finalize(turn, invoice), given)
    return turn.find("subscription", after["id"])
