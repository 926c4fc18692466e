"""Customers: made, changed, deleted, each with its event."""

from deploy.stripe_sandbox.domain import customers
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn, random_letters


def create_customer(turn: Turn, given: Json) -> Json:
    customer = customers.new_customer(
        turn.new_id("customer"), given=given, invoice_prefix=random_letters(8).upper(), now=turn.now
    )
    turn.store.objects.insert(customer)
    turn.emit("customer.created", customer)
    return customer


def change_customer(turn: Turn, customer: Json, given: Json) -> Json:
    """The customer after an update; no event if nothing changed."""
    after = customers.changed_customer(customer, given)
    if after != customer:
        turn.store.objects.save(after)
        turn.emit("customer.updated", after, previous=customers.previous_attributes(customer, after))
    return after


def delete_customer(turn: Turn, customer: Json) -> Json:
    stub = customers.deleted("customer", customer["id"])
    turn.store.objects.remove(stub)
    turn.emit("customer.deleted", customer)
    return stub
