"""A subscription as it stands: how it is kept and told of, what its payments do to it, and its end."""

import json

from deploy.stripe_sandbox.domain import dunning, invoices, subscriptions
from deploy.stripe_sandbox.domain.customers import deleted, previous_attributes
from deploy.stripe_sandbox.domain.dunning import Dunning
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn

# What is due to a subscription at an instant: its end, its expiry or its next period.
DUE = "subscription.due"
DUNNING_NOTE = "dunning"


def keep_new(turn: Turn, subscription: Json) -> None:
    """Keeps it with its items and awaits its next turn."""
    turn.store.objects.insert(subscription)
    _keep_items(turn, subscription)
    await_turn(turn, subscription)


def change(turn: Turn, before: Json, after: Json, *, told_as: str = "customer.subscription.updated") -> Json:
    """Keeps what changed, tells of it and awaits what comes next; nothing where nothing changed."""
    if after == before:
        return after
    turn.store.objects.save(after)
    _keep_items(turn, after)
    await_turn(turn, after)
    previous = previous_attributes(before, after) if told_as == "customer.subscription.updated" else None
    turn.emit(told_as, after, previous=previous)
    return after


def prefer(turn: Turn, subscription: Json, method_id: str) -> None:
    """The card that it is charged by from now on, told of with what comes next."""
    turn.store.objects.save({**subscription, "default_payment_method": method_id})


def await_turn(turn: Turn, subscription: Json) -> None:
    """A timer that comes too early or twice does nothing, so that each change may set its own."""
    if subscription["status"] in subscriptions.ENDED:
        return
    instants = {subscriptions.period_of(subscription)[1], subscription["cancel_at"]}
    if subscription["status"] == subscriptions.INCOMPLETE:
        instants.add(subscription["created"] + subscriptions.EXPIRES_AFTER_SECONDS)
    for at in instants - {None}:
        turn.store.timers.add(DUE, subscription["id"], at=at)


def after_payment(turn: Turn, invoice: Json) -> None:
    """The subscription after one of its invoices was paid."""
    before = turn.find("subscription", invoices.subscription_of(invoice))
    after = change(turn, before, subscriptions.paid(before, invoice_id=invoice["id"]))
    if after["status"] in (subscriptions.ACTIVE, subscriptions.TRIALING):
        mark_delinquent(turn, after["customer"], delinquent=False)


def after_failure(turn: Turn, invoice: Json, *, last: bool) -> None:
    """The subscription after an attempt to be paid failed; `last` where no other follows."""
    before = turn.find("subscription", invoices.subscription_of(invoice))
    if before["status"] in (subscriptions.INCOMPLETE, *subscriptions.ENDED):
        return
    mark_delinquent(turn, before["customer"], delinquent=True)
    policy = dunning_of(turn)
    if last and policy.then == dunning.CANCEL:
        end(turn, before, reason="payment_failed")
    else:
        change(turn, before, subscriptions.payment_failed(before, last=last, then=policy.then))


def end(turn: Turn, subscription: Json, *, reason: str, details: Json | None = None) -> Json:
    """Canceled for good; what was not collected yet is not tried again by itself."""
    after = subscriptions.canceled(subscription, reason=reason, now=turn.now, details=details)
    for invoice in invoices_of(turn, subscription["id"]):
        if invoice["status"] in (invoices.DRAFT, invoices.OPEN) and invoice["auto_advance"]:
            turn.store.objects.save(invoices.given_up(invoice))
    return change(turn, subscription, after, told_as="customer.subscription.deleted")


def end_all(turn: Turn, customer_id: str) -> None:
    """What the deletion of a customer does to the subscriptions."""
    for subscription in turn.store.objects.with_value("subscription", "customer", customer_id):
        if subscription["status"] not in subscriptions.ENDED:
            end(turn, subscription, reason="cancellation_requested")


def invoices_of(turn: Turn, subscription_id: str) -> list[Json]:
    return turn.store.objects.with_value("invoice", "parent.subscription_details.subscription", subscription_id)


def mark_delinquent(turn: Turn, customer_id: str, *, delinquent: bool) -> None:
    customer = turn.store.objects.get("customer", customer_id)
    if customer is None or customer.get("deleted") or customer["delinquent"] == delinquent:
        return
    after = {**customer, "delinquent": delinquent}
    turn.store.objects.save(after)
    turn.emit("customer.updated", after, previous={"delinquent": customer["delinquent"]})


def dunning_of(turn: Turn) -> Dunning:
    """What is set for payments that fail."""
    kept = turn.store.note(DUNNING_NOTE)
    if kept is None:
        return Dunning()
    told = json.loads(kept)
    return Dunning(tuple(told["retry_days"]), told["then"])


def _keep_items(turn: Turn, subscription: Json) -> None:
    """Items are objects of their own, too; those that went are deleted."""
    objects = turn.store.objects
    present = {item["id"]: item for item in subscriptions.items_of(subscription)}
    known = {item["id"] for item in objects.with_value("subscription_item", "subscription", subscription["id"])}
    for item_id, item in present.items():
        objects.save(item) if item_id in known else objects.insert(item)
    for item_id in known - set(present):
        objects.remove(deleted("subscription_item", item_id))
